import { recompute } from "../graph/gradients/recompute.js";
import { add, div, mul, silu, slice, unsqueeze, upsampleNearest } from "../graph/operators/index.js";
import { size, type Value } from "../graph/value.js";
import type { Weights } from "../graph/weights.js";
import { conv2d, groupNorm, linear } from "./layers.js";

export interface ResnetOptions {
  readonly outChannels: number;
  readonly groups: number;
  readonly eps: number;
  /** How the timestep enters: added after the first convolution, or as scale and shift of the second norm. */
  readonly timeScaleShift?: "default" | "scale_shift";
  /** Default: SiLU. */
  readonly activation?: (x: Value) => Value;
  /** The sum is divided by this; default 1. */
  readonly outputScale?: number;
}

/**
 * Residual block with optional timestep conditioning.
 * Source: Rombach 2022 §3.2; diffusers ResnetBlock2D. GroupNorm eps is 1e-5 in the UNet and 1e-6 in the VAE.
 * @param x    features, float [N, C, H, W]
 * @param temb timestep embedding, float [N, E]; undefined in the autoencoder
 * @returns    float [N, outChannels, H, W]
 * @throws CheckpointError if a weight is missing or has another shape
 */
export function resnetBlock(w: Weights, x: Value, temb: Value | undefined, options: ResnetOptions): Value {
  return recompute((features: Value) => residual(w, features, temb, options))(x);
}

function residual(w: Weights, x: Value, temb: Value | undefined, options: ResnetOptions): Value {
  const { outChannels, groups, eps, timeScaleShift = "default", activation = silu, outputScale = 1 } = options;
  const conv3x3 = { outChannels, kernel: 3, padding: 1 };
  const scaleShift = temb !== undefined && timeScaleShift === "scale_shift";
  let h = conv2d(w.at("conv1"), activation(groupNorm(w.at("norm1"), x, { groups, eps })), conv3x3);
  const timeFeatures = scaleShift ? 2 * outChannels : outChannels;
  const time = temb && unsqueeze(linear(w.at("time_emb_proj"), activation(temb), timeFeatures), [2, 3]);
  if (time && !scaleShift) h = add(h, time);
  h = groupNorm(w.at("norm2"), h, { groups, eps });
  if (time && scaleShift) {
    const [scale, shift] = [slice(time, 1, 0, outChannels), slice(time, 1, outChannels, 2 * outChannels)];
    h = add(mul(h, add(scale, 1)), shift);
  }
  h = conv2d(w.at("conv2"), activation(h), conv3x3);
  const skip = size(x, 1) === outChannels ? x : conv2d(w.at("conv_shortcut"), x, { outChannels, kernel: 1 });
  const sum = add(skip, h);
  return outputScale === 1 ? sum : div(sum, outputScale);
}

/**
 * Halves the resolution with a strided convolution.
 * @param padding as in the config's `downsample_padding`; 0 pads one row and column after the image, as the VAE does
 */
export function downsample(w: Weights, x: Value, padding: number): Value {
  const pads = padding === 0 ? ([0, 0, 1, 1] as const) : padding;
  return conv2d(w.at("conv"), x, { outChannels: size(x, 1), kernel: 3, stride: 2, padding: pads });
}

/** Doubles the resolution (or reaches [H, W], one less where the skip connection has an odd size), then convolves. */
export function upsample(w: Weights, x: Value, to?: readonly [number, number]): Value {
  let doubled = upsampleNearest(x, 2);
  for (const [i, target] of (to ?? []).entries()) {
    if (target !== size(doubled, i + 2)) doubled = slice(doubled, i + 2, 0, target);
  }
  return conv2d(w.at("conv"), doubled, { outChannels: size(x, 1), kernel: 3, padding: 1 });
}
