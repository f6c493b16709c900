import { z } from "zod";
import { add, div, mul, relu, sub, tanh, upsampleNearest } from "../graph/operators/index.js";
import { size, type Value } from "../graph/value.js";
import type { Initializer, Weights } from "../graph/weights.js";
import { fileKeys, parseConfig, unsupported } from "./config.js";
import { conv2d } from "./layers.js";

const positive = z.int().positive();
const blocks = z.int().nonnegative();

/** The `config.json` of diffusers' AutoencoderTiny (TAESD); defaults are diffusers' own. */
const schema = z.strictObject({
  ...fileKeys,
  in_channels: positive.default(3),
  out_channels: positive.default(3),
  latent_channels: positive.default(4),
  encoder_block_out_channels: z.array(positive).min(1).default([64, 64, 64, 64]),
  decoder_block_out_channels: z.array(positive).min(1).default([64, 64, 64, 64]),
  num_encoder_blocks: z.array(blocks).default([1, 3, 3, 3]),
  num_decoder_blocks: z.array(blocks).default([3, 3, 3, 1]),
  scaling_factor: z.number().positive().default(1),
  /** Bounds of diffusers' 8-bit packing of latents; the networks do not use them. */
  latent_magnitude: z.number().optional(),
  latent_shift: z.number().optional(),
  /** Copies of the encoder's widths that newer releases of diffusers write. */
  block_out_channels: z.array(positive).optional(),
  force_upcast: z.boolean().optional(),
  act_fn: unsupported("relu"),
  upsample_fn: unsupported("nearest"),
  upsampling_scaling_factor: unsupported(2),
  shift_factor: unsupported(0, null),
});

export type TinyAutoencoderConfig = z.output<typeof schema>;

/** Checks a tiny autoencoder's `config.json`. @throws CheckpointError naming each key that is unknown or unsupported */
export const parseTinyAutoencoderConfig = (json: unknown, where = "VAE config"): TinyAutoencoderConfig =>
  parseConfig(schema, json, where);

/** Pixels per latent along one axis. */
export const tinyAutoencoderFactor = (config: TinyAutoencoderConfig): number =>
  2 ** (config.decoder_block_out_channels.length - 1);

/**
 * Encodes images to latents.
 * Source: madebyollin/taesd; diffusers AutoencoderTiny.
 * @param image float [N, in_channels, H, W] in [-1, 1]
 * @returns float [N, latent_channels, H/8, W/8], not scaled
 */
export function encodeTiny(w: Weights, config: TinyAutoencoderConfig, image: Value): Value {
  const layers = new Sequence(w.at("encoder.layers"));
  let h = div(add(image, 1), 2);
  for (const [i, outChannels] of config.encoder_block_out_channels.entries()) {
    const step = i === 0 ? {} : { stride: 2, bias: false };
    h = conv3(layers.next(), h, outChannels, step);
    for (let j = 0; j < (config.num_encoder_blocks[i] ?? 0); j++) h = tinyBlock(layers.next(), h, outChannels);
  }
  return conv3(layers.next(), h, config.latent_channels);
}

/**
 * Decodes latents to images.
 * Source: madebyollin/taesd; diffusers AutoencoderTiny.
 * @param latents float [N, latent_channels, h, w], divided by the scaling factor beforehand
 * @returns float [N, out_channels, 8h, 8w], about [-1, 1]
 */
export function decodeTiny(w: Weights, config: TinyAutoencoderConfig, latents: Value): Value {
  const layers = new Sequence(w.at("decoder.layers"));
  const channels = config.decoder_block_out_channels;
  let h = mul(tanh(div(latents, 3)), 3);
  h = relu(conv3(layers.next(), h, channels[0] as number));
  layers.skip();
  for (const [i, width] of channels.entries()) {
    for (let j = 0; j < (config.num_decoder_blocks[i] ?? 0); j++) h = tinyBlock(layers.next(), h, width);
    const final = i === channels.length - 1;
    if (!final) {
      h = upsampleNearest(h, 2);
      layers.skip();
    }
    h = conv3(layers.next(), h, final ? config.out_channels : width, { bias: final });
  }
  return sub(mul(h, 2), 1);
}

/**
 * Without normalization, training has to start where activations keep their size: He's weights, and blocks that add
 * nothing yet. Sources: He 2015, eq. 10; Zhang 2019 (Fixup).
 */
const he = (channels: number): Initializer => ({ kind: "normal", std: Math.sqrt(2 / (9 * channels)) });
const nothing: Initializer = { kind: "constant", value: 0 };

/** A 3x3 convolution. */
function conv3(
  w: Weights,
  x: Value,
  outChannels: number,
  options: { stride?: number; bias?: boolean; start?: Initializer } = {},
): Value {
  return conv2d(w, x, { outChannels, kernel: 3, padding: 1, start: he(size(x, 1)), ...options });
}

/** Three convolutions with a skip connection, then ReLU. */
function tinyBlock(w: Weights, x: Value, outChannels: number): Value {
  let h = relu(conv3(w.at("conv.0"), x, outChannels));
  h = relu(conv3(w.at("conv.2"), h, outChannels));
  h = conv3(w.at("conv.4"), h, outChannels, { start: nothing });
  const skip = size(x, 1) === outChannels ? x : conv2d(w.at("skip"), x, { outChannels, kernel: 1, bias: false });
  return relu(add(h, skip));
}

/** The numbered members of a torch Sequential; activations and upsamplers take a number too. */
class Sequence {
  private index = 0;
  constructor(private readonly w: Weights) {}

  next(): Weights {
    return this.w.at(this.index++);
  }

  skip(): void {
    this.index++;
  }
}
