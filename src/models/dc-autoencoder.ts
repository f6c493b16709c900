import { z } from "zod";
import { add, concat, div, mul, reduceMean, relu, reshape, silu, sqrt, transpose } from "../graph/operators/index.js";
import { size, type Value } from "../graph/value.js";
import type { Initializer, Weights } from "../graph/weights.js";
import { fileKeys, parseConfig, unsupported } from "./config.js";
import { conv2d } from "./layers.js";

const positive = z.int().positive();
const widths = z.array(positive).min(2).default([128, 256, 512, 512, 1024, 1024]);
/** Residual blocks of each level; none at full size, if the first convolution is to halve it at once. */
const layers = z
  .array(z.int().nonnegative())
  .refine((counts) => counts.slice(1).every((count) => count > 0), "only the first level may be without layers");
const residual = z
  .union([z.literal("ResBlock"), z.array(z.literal("ResBlock"))], { error: "only ResBlock is supported" })
  .default("ResBlock");
const attention = z.array(z.array(z.int())).optional();

/** The `config.json` of diffusers' AutoencoderDC, without attention; defaults are diffusers' own. */
const schema = z
  .strictObject({
    ...fileKeys,
    in_channels: positive.default(3),
    latent_channels: positive.default(32),
    encoder_block_types: residual,
    decoder_block_types: residual,
    encoder_block_out_channels: widths,
    decoder_block_out_channels: widths,
    encoder_layers_per_block: layers.default([2, 2, 2, 3, 3, 3]),
    decoder_layers_per_block: layers.default([3, 3, 3, 3, 3, 3]),
    scaling_factor: z.number().positive().default(1),
    /** Of attention blocks, which are not supported. */
    attention_head_dim: positive.optional(),
    encoder_qkv_multiscales: attention,
    decoder_qkv_multiscales: attention,
    encoder_out_shortcut: unsupported(true),
    decoder_in_shortcut: unsupported(true),
    downsample_block_type: unsupported("pixel_unshuffle"),
    upsample_block_type: unsupported("pixel_shuffle"),
    decoder_norm_types: unsupported("rms_norm"),
    decoder_act_fns: unsupported("silu"),
    decoder_conv_act_fn: unsupported("relu"),
    shift_factor: unsupported(0, null),
  })
  .superRefine((config, context) => {
    for (const part of ["encoder", "decoder"] as const) {
      const channels = config[`${part}_block_out_channels`];
      const refuse = (message: string) => context.addIssue({ code: "custom", message: `${part}: ${message}` });
      if (config[`${part}_layers_per_block`].length !== channels.length) refuse("widths and layers are not as many");
      if (channels.length !== config.encoder_block_out_channels.length) refuse("it has not the encoder's levels");
      if (channels.some((width) => width % 4 !== 0)) refuse("widths must be multiples of 4");
      if (channels.at(-1)! % config.latent_channels !== 0) refuse("its last width is no multiple of latent_channels");
      const isFitting = (width: number, i: number) => i === 0 || (4 * channels[i - 1]!) % width === 0;
      if (!channels.every(isFitting)) refuse("4 times each width must be a multiple of the next");
    }
  });

export type DcAutoencoderConfig = z.output<typeof schema>;

/** Checks a deep compression autoencoder's `config.json`. @throws CheckpointError naming each key that is unknown or unsupported */
export const parseDcAutoencoderConfig = (json: unknown, where = "VAE config"): DcAutoencoderConfig =>
  parseConfig(schema, json, where);

/** Pixels per latent along one axis. */
export const dcAutoencoderFactor = (config: DcAutoencoderConfig): number =>
  2 ** (config.decoder_block_out_channels.length - 1);

/**
 * Encodes images to latents. Half the resolution is four times the channels, so that most of the work is done where there are few positions.
 * Source: Chen 2024 (DC-AE), §3.1; diffusers AutoencoderDC.
 * @param image float [N, in_channels, H, W] in [-1, 1]
 * @returns float [N, latent_channels, H/factor, W/factor], not scaled
 */
export function encodeDc(w: Weights, config: DcAutoencoderConfig, image: Value): Value {
  const { encoder_block_out_channels: channels, encoder_layers_per_block: counts, latent_channels } = config;
  const start = w.at("encoder.conv_in");
  let h = counts[0] ? conv3(start, image, channels[0]!) : down(start, image, channels[1]!, { shortcut: false });
  for (const [level, count] of counts.entries()) {
    const blocks = w.at("encoder.down_blocks").at(level);
    for (let i = 0; i < count; i++) h = residualBlock(blocks.at(i), h);
    const next = channels[level + 1];
    if (next !== undefined && count > 0) h = down(blocks.at(count), h, next, { shortcut: true });
  }
  return add(conv3(w.at("encoder.conv_out"), h, latent_channels), channelMeans(h, latent_channels));
}

/**
 * Decodes latents to images.
 * Source: Chen 2024 (DC-AE), §3.1; diffusers AutoencoderDC.
 * @param latents float [N, latent_channels, h, w], divided by the scaling factor beforehand
 * @returns float [N, in_channels, h·factor, w·factor], about [-1, 1]
 */
export function decodeDc(w: Weights, config: DcAutoencoderConfig, latents: Value): Value {
  const { decoder_block_out_channels: channels, decoder_layers_per_block: counts, in_channels } = config;
  const last = channels.at(-1)!;
  let h = add(conv3(w.at("decoder.conv_in"), latents, last), repeatChannels(latents, last));
  for (const level of [...counts.keys()].reverse()) {
    const count = counts[level]!;
    const blocks = w.at("decoder.up_blocks").at(level);
    const ups = level < counts.length - 1 && count > 0 ? 1 : 0;
    if (ups) h = up(blocks.at(0), h, channels[level]!, { shortcut: true });
    for (let i = 0; i < count; i++) h = residualBlock(blocks.at(ups + i), h);
  }
  h = relu(rmsNorm(w.at("decoder.norm_out"), h, ones));
  const end = w.at("decoder.conv_out");
  return counts[0] ? conv3(end, h, in_channels) : up(end, h, in_channels, { shortcut: false });
}

const ones: Initializer = { kind: "constant", value: 1 };
const zeros: Initializer = { kind: "constant", value: 0 };

const conv3 = (w: Weights, x: Value, outChannels: number, { bias = true } = {}): Value =>
  conv2d(w, x, { outChannels, kernel: 3, padding: 1, bias });

/** Trained from nothing, a block adds nothing yet. Source: Zhang 2019 (Fixup). */
function residualBlock(w: Weights, x: Value): Value {
  const channels = size(x, 1);
  const h = conv3(w.at("conv2"), silu(conv3(w.at("conv1"), x, channels)), channels, { bias: false });
  return add(x, rmsNorm(w.at("norm"), h, zeros));
}

/** Halves the resolution; the shortcut takes means of channels. */
function down(w: Weights, x: Value, outChannels: number, { shortcut }: { shortcut: boolean }): Value {
  const y = pixelUnshuffle(conv3(w.at("conv"), x, outChannels / 4));
  return shortcut ? add(y, channelMeans(pixelUnshuffle(x), outChannels)) : y;
}

/** Doubles the resolution; the shortcut repeats channels. */
function up(w: Weights, x: Value, outChannels: number, { shortcut }: { shortcut: boolean }): Value {
  const y = pixelShuffle(conv3(w.at("conv"), x, 4 * outChannels));
  return shortcut ? add(y, pixelShuffle(repeatChannels(x, 4 * outChannels))) : y;
}

/** Divides by the root of the mean square over the channels of each position. Source: Zhang & Sennrich 2019. */
function rmsNorm(w: Weights, x: Value, start: Initializer): Value {
  const channels = size(x, 1);
  const perChannel = (name: string, init: Initializer) => reshape(w.get(name, [channels], init), [channels, 1, 1]);
  const normal = div(x, sqrt(add(reduceMean(mul(x, x), { axes: [1], keepDims: true }), 1e-5)));
  return add(mul(normal, perChannel("weight", start)), perChannel("bias", zeros));
}

/** [N, C, 2h, 2w] to [N, 4C, h, w]: the four positions become channels, one after another. */
function pixelUnshuffle(x: Value): Value {
  const [channels, height, width] = [size(x, 1), size(x, 2) / 2, size(x, 3) / 2];
  const parts = reshape(x, [x.shape[0]!, channels, height, 2, width, 2]);
  return reshape(transpose(parts, [0, 1, 3, 5, 2, 4]), [x.shape[0]!, 4 * channels, height, width]);
}

/** Undoes {@link pixelUnshuffle}. */
function pixelShuffle(x: Value): Value {
  const [channels, height, width] = [size(x, 1) / 4, size(x, 2), size(x, 3)];
  const parts = reshape(x, [x.shape[0]!, channels, 2, 2, height, width]);
  return reshape(transpose(parts, [0, 1, 4, 2, 5, 3]), [x.shape[0]!, channels, 2 * height, 2 * width]);
}

/** Means of neighbouring channels, as many as give `count`. */
function channelMeans(x: Value, count: number): Value {
  const groups = reshape(x, [x.shape[0]!, count, size(x, 1) / count, size(x, 2), size(x, 3)]);
  return reduceMean(groups, { axes: [2] });
}

/** Each channel several times, up to `count` in all. */
function repeatChannels(x: Value, count: number): Value {
  const [batch, channels, height, width] = [x.shape[0]!, size(x, 1), size(x, 2), size(x, 3)];
  const each = reshape(x, [batch, channels, 1, height, width]);
  const repeats = Array<Value>(count / channels).fill(each);
  return reshape(concat(repeats, 2), [batch, count, height, width]);
}
