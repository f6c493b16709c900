import { recompute } from "../graph/gradients/recompute.js";
import { add, attention, gelu, mul, reshape, split, transpose } from "../graph/operators/index.js";
import { size, type Value } from "../graph/value.js";
import type { Weights } from "../graph/weights.js";
import { conv2d, groupNorm, layerNorm, linear } from "./layers.js";

/** [N, C, H, W] -> tokens [N, H*W, C] */
function toTokens(x: Value): Value {
  const [batch, channels] = [x.shape[0] as number | string, size(x, 1)];
  return transpose(reshape(x, [batch, channels, size(x, 2) * size(x, 3)]), [0, 2, 1]);
}

/** tokens [N, H*W, C] -> [N, C, H, W] with the sizes of `like` */
function toMap(tokens: Value, like: Value): Value {
  return reshape(transpose(tokens, [0, 2, 1]), [
    like.shape[0] as number | string,
    size(tokens, 2),
    size(like, 2),
    size(like, 3),
  ]);
}

/**
 * Self- or cross-attention with projections.
 * Source: diffusers Attention; Rombach 2022 §3.3.
 * @param x       queries come from here, float [N, T, C]
 * @param context keys and values come from here, float [N, S, D]; self-attention passes x
 * @returns       float [N, T, C]
 */
export function attentionLayer(w: Weights, x: Value, context: Value, heads: number, qkvBias = false): Value {
  const width = size(x, 2);
  const project = (name: string, from: Value) => linear(w.at(name), from, width, { bias: qkvBias });
  const mixed = attention(project("to_q", x), project("to_k", context), project("to_v", context), { heads });
  return linear(w.at("to_out.0"), mixed, width);
}

/** GEGLU feed-forward network of four times the width. Source: Shazeer 2020. */
export function feedForward(w: Weights, x: Value): Value {
  const [width, inner] = [size(x, 2), 4 * size(x, 2)];
  const [value, gate] = split(linear(w.at("net.0.proj"), x, 2 * inner), [inner, inner], 2) as [Value, Value];
  return linear(w.at("net.2"), mul(value, gelu(gate)), width);
}

export interface TransformerOptions {
  readonly heads: number;
  readonly layers: number;
  readonly groups: number;
  /** Projections in and out are linear layers on tokens instead of 1x1 convolutions. */
  readonly linearProjection: boolean;
  /** The first attention of each layer looks at the conditioning too. */
  readonly onlyCrossAttention: boolean;
}

/**
 * One layer: self-attention, cross-attention to the conditioning, feed-forward; each normalized first and added.
 * Source: diffusers BasicTransformerBlock; Rombach 2022 §3.3.
 */
export function transformerLayer(w: Weights, x: Value, conditioning: Value, heads: number, onlyCross: boolean): Value {
  const n1 = layerNorm(w.at("norm1"), x);
  let h = add(x, attentionLayer(w.at("attn1"), n1, onlyCross ? conditioning : n1, heads));
  h = add(h, attentionLayer(w.at("attn2"), layerNorm(w.at("norm2"), h), conditioning, heads));
  return add(h, feedForward(w.at("ff"), layerNorm(w.at("norm3"), h)));
}

/**
 * Spatial transformer: every position of the map is a token.
 * Source: diffusers Transformer2DModel (GroupNorm eps 1e-6).
 * @param x            float [N, C, H, W]
 * @param conditioning float [N, S, D]
 * @returns            float [N, C, H, W]
 */
export function spatialTransformer(w: Weights, x: Value, conditioning: Value, options: TransformerOptions): Value {
  return recompute((features: Value) => transformed(w, features, conditioning, options))(x);
}

function transformed(w: Weights, x: Value, conditioning: Value, options: TransformerOptions): Value {
  const outChannels = size(x, 1);
  const normal = groupNorm(w.at("norm"), x, { groups: options.groups, eps: 1e-6 });
  const projection = { outChannels, kernel: 1 };
  let tokens = options.linearProjection
    ? linear(w.at("proj_in"), toTokens(normal), outChannels)
    : toTokens(conv2d(w.at("proj_in"), normal, projection));
  for (let i = 0; i < options.layers; i++) {
    const block = w.at("transformer_blocks").at(i);
    tokens = transformerLayer(block, tokens, conditioning, options.heads, options.onlyCrossAttention);
  }
  const out = options.linearProjection
    ? toMap(linear(w.at("proj_out"), tokens, outChannels), x)
    : conv2d(w.at("proj_out"), toMap(tokens, x), projection);
  return add(out, x);
}

/**
 * Plain self-attention over the positions of a map, as in the autoencoder and in AttnDownBlock2D / AttnUpBlock2D.
 * Files of 2022 (stable-diffusion-v1-5's VAE among them) call the projections query, key, value and proj_attn.
 * @param x float [N, C, H, W]
 */
export function spatialSelfAttention(
  w: Weights,
  x: Value,
  options: { heads: number; groups: number; eps: number },
): Value {
  const names = w.has("to_q.weight") ? ["to_q", "to_k", "to_v", "to_out.0"] : ["query", "key", "value", "proj_attn"];
  const tokens = toTokens(groupNorm(w.at("group_norm"), x, options));
  const project = (i: number, from: Value) => linear(w.at(names[i] as string), from, size(x, 1));
  const mixed = attention(project(0, tokens), project(1, tokens), project(2, tokens), { heads: options.heads });
  return add(x, toMap(project(3, mixed), x));
}
