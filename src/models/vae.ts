import { z } from "zod";
import { clip, silu, split } from "../graph/operators/index.js";
import { size, type Value } from "../graph/value.js";
import type { Weights } from "../graph/weights.js";
import { spatialSelfAttention } from "./attention.js";
import { fileKeys, parseConfig, unsupported } from "./config.js";
import { conv2d, groupNorm } from "./layers.js";
import { downsample, resnetBlock, upsample } from "./resnet.js";

const positive = z.int().positive();

/** The `config.json` of diffusers' AutoencoderKL; defaults are diffusers' own. */
const schema = z.strictObject({
  ...fileKeys,
  in_channels: positive.default(3),
  out_channels: positive.default(3),
  latent_channels: positive.default(4),
  block_out_channels: z.array(positive).min(1).default([64]),
  layers_per_block: positive.default(1),
  norm_num_groups: positive.default(32),
  scaling_factor: z.number().positive().default(0.18215),
  shift_factor: z.number().nullable().default(null),
  use_quant_conv: z.boolean().default(true),
  use_post_quant_conv: z.boolean().default(true),
  mid_block_add_attention: z.boolean().default(true),
  down_block_types: z.array(z.literal("DownEncoderBlock2D")).optional(),
  up_block_types: z.array(z.literal("UpDecoderBlock2D")).optional(),
  /** Without effect: the network is fully convolutional and runs in float32. */
  sample_size: z.union([positive, z.array(positive)]).optional(),
  force_upcast: z.boolean().optional(),
  act_fn: unsupported("silu", "swish"),
  latents_mean: unsupported(null),
  latents_std: unsupported(null),
});

export type VaeConfig = z.output<typeof schema>;

/** Checks an autoencoder's `config.json`. @throws CheckpointError naming each key that is unknown or unsupported */
export const parseVaeConfig = (json: unknown, where = "VAE config"): VaeConfig => parseConfig(schema, json, where);

/** Pixels per latent along one axis. */
export const vaeFactor = (config: VaeConfig): number => 2 ** (config.block_out_channels.length - 1);

/** GroupNorm epsilon of the autoencoder's blocks. */
const eps = 1e-6;

/**
 * Encodes images to the mean and log-variance of their latents.
 * Source: Rombach 2022 §3.1; diffusers AutoencoderKL.
 * @param image float [N, in_channels, H, W] in [-1, 1]
 * @returns mean and logvar (clamped to [-30, 20]), float [N, latent_channels, H/factor, W/factor], not scaled
 */
export function encodeImage(w: Weights, config: VaeConfig, image: Value): { mean: Value; logvar: Value } {
  const encoder = w.at("encoder");
  const channels = config.block_out_channels;
  let h = conv2d(encoder.at("conv_in"), image, { outChannels: channels[0] as number, kernel: 3, padding: 1 });
  for (const [i, outChannels] of channels.entries()) {
    const block = encoder.at("down_blocks").at(i);
    for (let j = 0; j < config.layers_per_block; j++) h = resnet(block.at("resnets").at(j), h, config, outChannels);
    if (i < channels.length - 1) h = downsample(block.at("downsamplers.0"), h, 0);
  }
  h = normAct(encoder, midBlock(encoder.at("mid_block"), h, config), config);
  const moments = 2 * config.latent_channels;
  h = conv2d(encoder.at("conv_out"), h, { outChannels: moments, kernel: 3, padding: 1 });
  if (config.use_quant_conv) h = conv2d(w.at("quant_conv"), h, { outChannels: moments, kernel: 1 });
  const [mean, logvar] = split(h, [config.latent_channels, config.latent_channels], 1) as [Value, Value];
  return { mean, logvar: clip(logvar, -30, 20) };
}

/**
 * Decodes latents to images.
 * Source: Rombach 2022 §3.1; diffusers AutoencoderKL.
 * @param latents float [N, latent_channels, h, w], divided by the scaling factor beforehand
 * @returns float [N, out_channels, factor h, factor w], about [-1, 1] (not clamped)
 */
export function decodeLatents(w: Weights, config: VaeConfig, latents: Value): Value {
  const decoder = w.at("decoder");
  const channels = config.block_out_channels.toReversed();
  const z = config.use_post_quant_conv
    ? conv2d(w.at("post_quant_conv"), latents, { outChannels: config.latent_channels, kernel: 1 })
    : latents;
  let h = conv2d(decoder.at("conv_in"), z, { outChannels: channels[0] as number, kernel: 3, padding: 1 });
  h = midBlock(decoder.at("mid_block"), h, config);
  for (const [i, outChannels] of channels.entries()) {
    const block = decoder.at("up_blocks").at(i);
    for (let j = 0; j <= config.layers_per_block; j++) h = resnet(block.at("resnets").at(j), h, config, outChannels);
    if (i < channels.length - 1) h = upsample(block.at("upsamplers.0"), h);
  }
  return conv2d(decoder.at("conv_out"), normAct(decoder, h, config), {
    outChannels: config.out_channels,
    kernel: 3,
    padding: 1,
  });
}

function midBlock(w: Weights, x: Value, config: VaeConfig): Value {
  const groups = config.norm_num_groups;
  let h = resnet(w.at("resnets.0"), x, config, size(x, 1));
  if (config.mid_block_add_attention) h = spatialSelfAttention(w.at("attentions.0"), h, { heads: 1, groups, eps });
  return resnet(w.at("resnets.1"), h, config, size(x, 1));
}

function resnet(w: Weights, x: Value, config: VaeConfig, outChannels: number): Value {
  return resnetBlock(w, x, undefined, { outChannels, groups: config.norm_num_groups, eps });
}

function normAct(w: Weights, x: Value, config: VaeConfig): Value {
  return silu(groupNorm(w.at("conv_norm_out"), x, { groups: config.norm_num_groups, eps }));
}
