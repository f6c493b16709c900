import { ShapeError } from "../errors.js";
import {
  add,
  type ConvOptions,
  conv,
  instanceNormalization,
  layerNormalization,
  matmul,
  mul,
  reshape,
  transpose,
} from "../graph/operators/index.js";
import { describe, floats, size, type Value } from "../graph/value.js";
import type { Initializer, Weights } from "../graph/weights.js";
import { isWinogradQuicker, winogradConvolution } from "../graph/winograd.js";

/** Layers: an operator, its parameters under the names that PyTorch gives them, and PyTorch's initialization. */

const ones: Initializer = { kind: "constant", value: 1 };
const zeros: Initializer = { kind: "constant", value: 0 };
/** PyTorch's default for linear and convolution layers: uniform within 1 / sqrt(fan-in), weight and bias alike. */
const fanIn = (inputs: number): Initializer => ({ kind: "uniform", bound: 1 / Math.sqrt(inputs) });

/**
 * Affine map of the last axis.
 * @param x float [..., inFeatures]
 * @returns float [..., outFeatures]
 */
export function linear(
  w: Weights,
  x: Value,
  outFeatures: number,
  { bias = true, start }: { bias?: boolean; start?: Initializer } = {},
): Value {
  const inFeatures = size(x, -1);
  const weight = w.get("weight", [outFeatures, inFeatures], start ?? fanIn(inFeatures));
  const product = matmul(x, transpose(weight, [1, 0]));
  return bias ? add(product, w.get("bias", [outFeatures], start ?? fanIn(inFeatures))) : product;
}

export interface Conv2dOptions extends Omit<ConvOptions, "groups"> {
  readonly outChannels: number;
  /** Width and height of the kernel. */
  readonly kernel: number;
  readonly bias?: boolean;
  /** How the weight starts where it is trained from nothing; PyTorch's default if absent. The bias then starts at zero. */
  readonly start?: Initializer;
}

/**
 * 2-D convolution.
 * @param x float [N, C, H, W]
 * @returns float [N, outChannels, H', W']
 */
export function conv2d(
  w: Weights,
  x: Value,
  { outChannels, kernel, bias = true, start, ...options }: Conv2dOptions,
): Value {
  const inChannels = size(x, 1);
  const init = fanIn(inChannels * kernel * kernel);
  const weight = w.get("weight", [outChannels, inChannels, kernel, kernel], start ?? init);
  const shift = bias ? w.get("bias", [outChannels], start ? zeros : init) : undefined;
  const { stride = 1, padding = 0 } = options;
  const pads = typeof padding === "number" ? ([padding, padding, padding, padding] as const) : padding;
  // A weight that is trained is new at every run: ONNX Runtime cannot lay it out ahead, as it does with stored ones.
  const mayBeProducts = (w.options.winograd || weight.origin.kind === "input") && stride === 1;
  if (!mayBeProducts || !isWinogradQuicker(x, weight, pads)) {
    return conv(x, weight, shift, options);
  }
  const y = winogradConvolution(x, weight, pads);
  return shift ? add(y, reshape(shift, [outChannels, 1, 1])) : y;
}

/**
 * Normalizes each group of channels over its positions, then scales and shifts each channel.
 * Runs as an instance normalization of [N, groups, ...], which ONNX Runtime computes in half the time of its
 * GroupNormalization.
 * Source: Wu & He 2018.
 * @param x float [N, C, H, W] or [N, C, T]
 */
export function groupNorm(w: Weights, x: Value, options: { groups: number; eps: number }): Value {
  const channels = size(x, 1);
  const { groups, eps } = options;
  if (channels % groups !== 0) {
    throw new ShapeError(`groupNorm ${w.path}: ${describe(x)} does not divide into ${groups} groups`);
  }
  const positions = x.shape.slice(2).map((_, i) => size(x, i + 2));
  const elements = positions.reduce((a, b) => a * b, channels / groups);
  const grouped = reshape(x, [x.shape[0] as number | string, groups, elements]);
  const unit = floats(Array<number>(groups).fill(1));
  const normal = reshape(instanceNormalization(grouped, unit, floats(Array<number>(groups).fill(0)), eps), x.shape);
  const perChannel = [channels, ...positions.map(() => 1)];
  const scale = reshape(w.get("weight", [channels], ones), perChannel);
  return add(mul(normal, scale), reshape(w.get("bias", [channels], zeros), perChannel));
}

/**
 * Normalizes the last axis, then scales and shifts it.
 * Source: Ba 2016.
 * @param x float [..., C]
 */
export function layerNorm(w: Weights, x: Value, eps = 1e-5): Value {
  const channels = size(x, -1);
  return layerNormalization(x, w.get("weight", [channels], ones), w.get("bias", [channels], zeros), eps);
}

/** A table of vectors to look up: float [count, width]. */
export function embeddingTable(w: Weights, count: number, width: number): Value {
  return w.get("weight", [count, width], { kind: "normal", std: 0.02 });
}
