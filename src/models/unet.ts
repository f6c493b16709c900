import { add, concat, cos, gelu, mul, silu, sin, sub, unsqueeze } from "../graph/operators/index.js";
import { floats, size, type Value } from "../graph/value.js";
import type { Weights } from "../graph/weights.js";
import { spatialSelfAttention, spatialTransformer } from "./attention.js";
import { forBlock } from "./config.js";
import { identityMap } from "./identity-map.js";
import { conv2d, groupNorm, linear } from "./layers.js";
import { downsample, type ResnetOptions, resnetBlock, upsample } from "./resnet.js";
import type { UNetConfig } from "./unet-config.js";

/**
 * The denoiser: predicts the noise (or v, or the clean latents, as it was trained) in noisy latents.
 * Source: Rombach 2022 §3.2; diffusers UNet2DConditionModel; Arc2Face §3.1.
 * @param latents      float [N, in_channels, H, W]
 * @param timesteps    float [N], 0 to 999
 * @param conditioning float [N, S, cross_attention_dim], what the face encoder gives
 * @returns            float [N, out_channels, H, W]
 * @throws CheckpointError if a weight is missing or has another shape
 */
export function unet(w: Weights, config: UNetConfig, latents: Value, timesteps: Value, conditioning: Value): Value {
  const temb = timeEmbedding(w.at("time_embedding"), config, timesteps);
  const channels = config.block_out_channels;
  const last = channels.length - 1;

  const x = config.center_input_sample ? sub(mul(latents, 2), 1) : latents;
  let h = conv2d(w.at("conv_in"), x, { outChannels: channels[0] as number, ...same(config.conv_in_kernel) });
  const skips = [h];
  for (const [i, type] of config.down_block_types.entries()) {
    const block = w.at("down_blocks").at(i);
    const attend = attendTo(type, config, i, conditioning);
    for (let j = 0; j < forBlock(config.layers_per_block, i); j++) {
      h = resnetBlock(block.at("resnets").at(j), h, temb, resnetOptions(config, channels[i] as number));
      h = attend(block.at("attentions").at(j), h);
      skips.push(h);
    }
    if (i < last) {
      h = downsample(block.at("downsamplers.0"), h, config.downsample_padding);
      skips.push(h);
    }
  }

  h = midBlock(w.at("mid_block"), config, h, temb, conditioning);

  for (const [i, type] of config.up_block_types.entries()) {
    const level = last - i;
    const block = w.at("up_blocks").at(i);
    const attend = attendTo(type, config, level, conditioning);
    for (let j = 0; j < forBlock(config.layers_per_block, level) + 1; j++) {
      h = concat([h, skips.pop() as Value], 1);
      h = resnetBlock(block.at("resnets").at(j), h, temb, resnetOptions(config, channels[level] as number));
      h = attend(block.at("attentions").at(j), h);
    }
    const skip = skips.at(-1);
    if (i < last && skip) h = upsample(block.at("upsamplers.0"), h, [size(skip, 2), size(skip, 3)]);
  }

  h = groupNorm(w.at("conv_norm_out"), h, { groups: config.norm_num_groups, eps: config.norm_eps });
  const out = { outChannels: config.out_channels, ...same(config.conv_out_kernel) };
  const prediction = conv2d(w.at("conv_out"), activation(config)(h), out);
  const { identity_map: map, out_channels: outChannels } = config;
  return map ? add(prediction, identityMap(w.at("identity_map"), map, outChannels, temb, conditioning)) : prediction;
}

/** A kernel with the padding that keeps the size. */
const same = (kernel: number) => ({ kernel, padding: Math.floor((kernel - 1) / 2) });

const activation = (config: UNetConfig) => (config.act_fn === "gelu" ? gelu : silu);

/**
 * Sinusoidal features of the timestep through a two-layer network.
 * Source: Ho 2020 §3.3; Vaswani 2017 §3.5.
 * @param timesteps float [N]
 * @returns float [N, time_embedding_dim], by default four times the first block's width
 */
export function timeEmbedding(w: Weights, config: UNetConfig, timesteps: Value): Value {
  const features = config.block_out_channels[0] as number;
  const half = Math.floor(features / 2);
  const frequencies = Array.from({ length: half }, (_, i) =>
    Math.exp((-Math.log(10000) * i) / (half - config.freq_shift)),
  );
  const angles = mul(unsqueeze(timesteps, [1]), floats(frequencies));
  const sinusoids = concat(config.flip_sin_to_cos ? [cos(angles), sin(angles)] : [sin(angles), cos(angles)], 1);
  const width = config.time_embedding_dim ?? 4 * features;
  return linear(w.at("linear_2"), activation(config)(linear(w.at("linear_1"), sinusoids, width)), width);
}

function midBlock(w: Weights, config: UNetConfig, x: Value, temb: Value, conditioning: Value): Value {
  if (config.mid_block_type === null) return x;
  const last = config.block_out_channels.length - 1;
  const options = { ...resnetOptions(config, size(x, 1)), outputScale: config.mid_block_scale_factor };
  const h = resnetBlock(w.at("resnets.0"), x, temb, options);
  if (config.mid_block_type === "UNetMidBlock2D") return h;
  const onlyCross = config.mid_block_only_cross_attention ?? config.only_cross_attention === true;
  const attended = spatialTransformer(
    w.at("attentions.0"),
    h,
    conditioning,
    transformerOptions(config, last, onlyCross),
  );
  return resnetBlock(w.at("resnets.1"), attended, temb, options);
}

/** What follows each residual block of a level: nothing, a spatial transformer, or plain self-attention. */
function attendTo(type: string, config: UNetConfig, level: number, conditioning: Value) {
  return (w: Weights, x: Value): Value => {
    if (type.startsWith("CrossAttn")) {
      const onlyCross = forBlock(config.only_cross_attention, level);
      return spatialTransformer(w, x, conditioning, transformerOptions(config, level, onlyCross));
    }
    if (type.startsWith("Attn")) {
      const heads = size(x, 1) / forBlock(config.attention_head_dim, level);
      return spatialSelfAttention(w, x, { heads, groups: config.norm_num_groups, eps: config.norm_eps });
    }
    return x;
  };
}

function resnetOptions(config: UNetConfig, outChannels: number): ResnetOptions {
  return {
    outChannels,
    groups: config.norm_num_groups,
    eps: config.norm_eps,
    activation: activation(config),
    timeScaleShift: config.resnet_time_scale_shift,
  };
}

function transformerOptions(config: UNetConfig, level: number, onlyCrossAttention: boolean) {
  return {
    heads: forBlock(config.num_attention_heads ?? config.attention_head_dim, level),
    layers: forBlock(config.transformer_layers_per_block, level),
    groups: config.norm_num_groups,
    linearProjection: config.use_linear_projection,
    onlyCrossAttention,
  };
}
