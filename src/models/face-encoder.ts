import { z } from "zod";
import { ShapeError } from "../errors.js";
import { recompute } from "../graph/gradients/recompute.js";
import {
  add,
  attention,
  equal,
  gather,
  gelu,
  mul,
  pad,
  quickGelu,
  reduceSum,
  slice,
  unsqueeze,
  where,
} from "../graph/operators/index.js";
import { constant, describe, size, type Value } from "../graph/value.js";
import type { Initializer, Weights } from "../graph/weights.js";
import { parseConfig } from "./config.js";
import { embeddingTable, layerNorm, linear } from "./layers.js";

const positive = z.int().positive();
const zeros: Initializer = { kind: "constant", value: 0 };

/**
 * The `config.json` of transformers' CLIPTextModel; defaults are transformers' own. transformers adds keys with every
 * release that do not change the network (dropout, generation, tracing), so keys that are not listed are passed over.
 */
const schema = z
  .object({
    model_type: z.literal("clip_text_model", { error: "expected a clip_text_model" }).optional(),
    vocab_size: positive.default(49408),
    hidden_size: positive.default(512),
    intermediate_size: positive.default(2048),
    num_hidden_layers: positive.default(12),
    num_attention_heads: positive.default(8),
    max_position_embeddings: positive.default(77),
    hidden_act: z.enum(["quick_gelu", "gelu"]).default("quick_gelu"),
    layer_norm_eps: z.number().positive().default(1e-5),
    /** Of our own: how many squares of the face embedding join every token (`squaredIdentity`). */
    identity_squares: positive.optional(),
  })
  .refine((config) => config.hidden_size % config.num_attention_heads === 0, {
    path: ["hidden_size"],
    message: "must be divisible by num_attention_heads",
  });

export type FaceEncoderConfig = z.output<typeof schema>;

/** Checks a face encoder's `config.json`. @throws CheckpointError naming each key with an unsupported value */
export const parseFaceEncoderConfig = (json: unknown, where = "encoder config"): FaceEncoderConfig =>
  parseConfig(schema, json, where);

/**
 * The prompt's token embeddings, with the face embedding in place of the identity token's.
 * Source: Arc2Face §3.3 (s = {e1, e2, e3, w, e5}; w zero-padded to the width of e).
 * @param tokens        i64 [N, L]
 * @param faceEmbedding float [N, E], E at most hidden_size, unit norm
 * @param idToken       the token that the face embedding replaces; a row without it is left as it is
 * @returns tokenEmbeddings, float [N, L, hidden_size], before positions are added
 */
export function injectIdentity(
  w: Weights,
  config: FaceEncoderConfig,
  tokens: Value,
  faceEmbedding: Value,
  idToken: number,
): Value {
  const padding = config.hidden_size - size(faceEmbedding, 1);
  if (padding < 0)
    throw new ShapeError(`injectIdentity: ${describe(faceEmbedding)} is wider than ${config.hidden_size}`);
  const table = embeddingTable(textModel(w).at("embeddings.token_embedding"), config.vocab_size, config.hidden_size);
  const identity = padding === 0 ? faceEmbedding : pad(faceEmbedding, [0, 0, 0, padding]);
  const isIdentity = equal(tokens, constant({ dtype: "i64", shape: [], data: BigInt64Array.of(BigInt(idToken)) }));
  return where(unsqueeze(isIdentity, [2]), unsqueeze(identity, [1]), gather(table, tokens));
}

/**
 * The face encoder: a CLIP text model with a causal mask; its output is what the UNet attends to.
 * Source: Arc2Face §3.3; Radford 2021 §2.4; transformers CLIPTextModel (last hidden state after the final norm).
 * @param tokenEmbeddings float [N, L, hidden_size]
 * @returns conditioning, float [N, L, hidden_size]
 */
export function faceEncoder(w: Weights, config: FaceEncoderConfig, tokenEmbeddings: Value): Value {
  const model = textModel(w);
  const length = size(tokenEmbeddings, 1);
  const positions = embeddingTable(
    model.at("embeddings.position_embedding"),
    config.max_position_embeddings,
    config.hidden_size,
  );
  if (length > config.max_position_embeddings) {
    throw new ShapeError(`faceEncoder: ${length} tokens, at most ${config.max_position_embeddings} have positions`);
  }
  let h = add(tokenEmbeddings, slice(positions, 0, 0, length));
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = model.at("encoder.layers").at(i);
    h = recompute((x: Value) => encoderLayer(layer, x, config))(h);
  }
  return layerNorm(model.at("final_layer_norm"), h, config.layer_norm_eps);
}

/**
 * What the squares of projections of the face embedding add to every token of the conditioning; nothing for nobody.
 *
 * Some of what a recogniser knows of a face is not linear in its embedding: in MobileFaceNet's, a linear classifier that learnt
 * the sex of FFHQ's people tells that of 7 in 10 men of generated portraits, and a quadratic one that of all (docs/training.md
 * has figures). A small transformer that sees a few thousand people does not find that by itself. Not of the paper.
 * @param faceEmbedding float [N, E], unit norm; zeros for nobody
 * @returns float [N, 1, hidden_size]
 */
export function squaredIdentity(w: Weights, squares: number, width: number, faceEmbedding: Value): Value {
  const projected = linear(w.at("down"), faceEmbedding, squares, { bias: false });
  const term = linear(w.at("up"), mul(projected, projected), width, { start: zeros });
  const isSomebody = reduceSum(mul(faceEmbedding, faceEmbedding), { axes: [1], keepDims: true });
  return unsqueeze(mul(term, isSomebody), [1]);
}

/** Files written by transformers before release 5 put everything below `text_model.`. */
function textModel(w: Weights): Weights {
  return w.has("text_model.final_layer_norm.weight") ? w.at("text_model") : w;
}

function encoderLayer(w: Weights, x: Value, config: FaceEncoderConfig): Value {
  const eps = config.layer_norm_eps;
  const h = add(x, selfAttention(w.at("self_attn"), layerNorm(w.at("layer_norm1"), x, eps), config));
  return add(h, mlp(w.at("mlp"), layerNorm(w.at("layer_norm2"), h, eps), config));
}

function selfAttention(w: Weights, x: Value, config: FaceEncoderConfig): Value {
  const project = (name: string, from: Value) => linear(w.at(name), from, config.hidden_size);
  const mixed = attention(project("q_proj", x), project("k_proj", x), project("v_proj", x), {
    heads: config.num_attention_heads,
    causal: true,
  });
  return project("out_proj", mixed);
}

function mlp(w: Weights, x: Value, config: FaceEncoderConfig): Value {
  const activation = config.hidden_act === "gelu" ? gelu : quickGelu;
  return linear(w.at("fc2"), activation(linear(w.at("fc1"), x, config.intermediate_size)), config.hidden_size);
}
