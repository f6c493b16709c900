import { ShapeError } from "../../errors.js";
import {
  concat,
  convolution,
  convTranspose,
  gather,
  pad,
  product,
  reduceSum,
  reshape,
  strided,
  transpose,
} from "../operators/index.js";
import { intAttribute, intsAttribute } from "../operators/inference.js";
import { type Attributes, ints, type Value } from "../value.js";
import { count, inverse, type Rule, reshapeTo, sizes } from "./rule.js";

/** How a kernel moves over the positions of a map; one number per spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Zeros before the first and after the last position of each axis. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly group: number;
}

export function windowOf(attributes: Attributes, kernel: readonly number[]): Window {
  if ((attributes.auto_pad ?? "NOTSET") !== "NOTSET") {
    throw new ShapeError(`gradients: auto_pad "${attributes.auto_pad}" has no rule; give the pads as numbers`);
  }
  const each = (value: number) => kernel.map(() => value);
  const pads = intsAttribute(attributes, "pads") ?? [...each(0), ...each(0)];
  return {
    kernel,
    strides: intsAttribute(attributes, "strides") ?? each(1),
    dilations: intsAttribute(attributes, "dilations") ?? each(1),
    before: pads.slice(0, kernel.length),
    after: pads.slice(kernel.length),
    group: intAttribute(attributes, "group", 1),
  };
}

export const convRule: Rule = ({ dy, x: [x, weight], attributes }) => {
  const window = windowOf(attributes, sizes(weight).slice(2));
  return [inputGradient(dy, weight, window, sizes(x)), weightGradient(x, dy, window, sizes(weight)), biasGradient(dy)];
};

/** A transposed convolution is the input gradient of a convolution, so that one is its gradient, with x and dy exchanged. */
export const convTransposeRule: Rule = ({ dy, x: [x, weight], attributes }) => {
  const window = windowOf(attributes, sizes(weight).slice(2));
  return [convolution(dy, weight, window), weightGradient(dy, x, window, sizes(weight)), biasGradient(dy)];
};

const biasGradient = (dy: Value): Value => reduceSum(dy, { axes: dy.shape.flatMap((_, i) => (i === 1 ? [] : [i])) });

/** The transposed convolution of dy, in the quickest of four forms. */
export function inputGradient(dy: Value, weight: Value, window: Window, shape: readonly number[]): Value {
  const [batch, , ...outputs] = sizes(dy) as [number, number, ...number[]];
  const positions = count(outputs);
  // Four forms, measured with two threads on AVX2 (GFLOP/s; 3x3 kernels, batch x channels in -> out, map):
  //                      32x96->96 16x16  32x192->96 16x16  32x192->192 8x8  32x768->384 4x4  1x960->320 64x64  1x1280->1280 16x16
  //  transposed conv              64                66               83               35              103                    125
  //  conv, kernel flipped         72                78               68               43              127                     30
  //  product over the batch       38                46               59               86               92                    123
  // Flipping costs passes over the weight, which many positions have to pay for. A transposed convolution makes a product
  // per sample, which is too thin with 16 positions or fewer.
  if (isDense(window)) {
    if (isPointwise(window)) {
      const [outChannels, channels] = sizes(weight) as [number, number];
      const columns = reshape(dy, [batch, outChannels, positions]);
      return reshape(product(reshape(weight, [outChannels, channels]), columns, { transA: true }), shape);
    }
    if (batch * positions >= 4096) return convolution(dy, flipped(weight), mirrored(window));
    if (batch > 1 && positions <= 16) return batchProduct(dy, weight, mirrored(window), shape);
  }
  const outputPadding = shape.slice(2).map((width, i) => {
    const covered = (window.kernel[i]! - 1) * window.dilations[i]! + 1 - window.before[i]! - window.after[i]!;
    return width - (outputs[i]! - 1) * window.strides[i]! - covered;
  });
  return convTranspose(dy, weight, { ...window, outputPadding });
}

/** Every position is computed, all channels take part, and no padding is wider than the kernel reaches. */
function isDense({ strides, group, before, after, kernel, dilations }: Window): boolean {
  const fits = (padding: number, i: number) => padding <= (kernel[i]! - 1) * dilations[i]!;
  return group === 1 && strides.every((stride) => stride === 1) && before.every(fits) && after.every(fits);
}

const isPointwise = ({ kernel, before, after }: Window): boolean =>
  [...before, ...after].every((padding) => padding === 0) && kernel.every((width) => width === 1);

/** The window in which dy is seen from x: the kernel reversed, padded by what its reach leaves. */
function mirrored({ before, after, ...window }: Window): Window {
  const reach = window.kernel.map((width, i) => (width - 1) * window.dilations[i]!);
  return { ...window, before: reach.map((r, i) => r - before[i]!), after: reach.map((r, i) => r - after[i]!) };
}

/** [O, C, ...kernel] -> [C, O, ...kernel] with the kernel reversed. Whole planes of O x C are moved, not single elements. */
function flipped(weight: Value): Value {
  const [outChannels, channels, ...kernel] = sizes(weight) as [number, number, ...number[]];
  const taps = count(kernel);
  const planes = transpose(reshape(weight, [outChannels * channels, taps]), [1, 0]);
  const reversed = gather(planes, ints(Array.from({ length: taps }, (_, i) => taps - 1 - i)));
  const perTap = reshape(transpose(reversed, [1, 0]), [outChannels, channels, taps]);
  return reshape(transpose(perTap, [1, 0, 2]), [channels, outChannels, ...kernel]);
}

/** The convolution of dy with the reversed kernel as one product over batch and positions, channels last. */
function batchProduct(dy: Value, weight: Value, window: Window, shape: readonly number[]): Value {
  const [outChannels, channels, ...kernel] = sizes(weight) as [number, number, ...number[]];
  const taps = count(kernel);
  const [batch, , ...spatial] = shape as [number, number, ...number[]];
  const channelsLast = [...spatial.map((_, i) => i + 2), 0, 1];
  const columns = concat(shifts(transpose(dy, channelsLast), window, spatial, 0).toReversed(), channelsLast.length - 1);
  const planes = transpose(reshape(weight, [outChannels * channels, taps]), [1, 0]);
  const rows = reshape(columns, [count(spatial) * batch, taps * outChannels]);
  const result = product(rows, reshape(planes, [taps * outChannels, channels]));
  return transpose(reshape(result, [...spatial, batch, channels]), inverse(channelsLast));
}

/** For each tap of the kernel in order, what it sees at every output position. Spatial axes begin at `first`. */
function shifts(x: Value, window: Window, outputs: readonly number[], first: number): Value[] {
  const around = (widths: readonly number[]) => x.shape.map((_, axis) => widths[axis - first] ?? 0);
  const pads = [...around(window.before), ...around(window.after)];
  const padded = pads.some((width) => width !== 0) ? pad(x, pads) : x;
  return positionsOf(window.kernel).map((tap) => {
    const starts = tap.map((position, i) => position * window.dilations[i]!);
    const axes = tap.map((_, i) => first + i);
    return strided(padded, axes, starts, outputs, window.strides);
  });
}

/** All index tuples of a shape, the last axis fastest. */
const positionsOf = (shape: readonly number[]): number[][] =>
  shape.reduce<number[][]>(
    (rows, width) => rows.flatMap((row) => Array.from({ length: width }, (_, i) => [...row, i])),
    [[]],
  );

/**
 * dW[o, c, tap] = sum over samples and positions of dy[o] x[c, shifted by tap], as one product with the shifted copies of
 * x (im2col). Measured against a product per tap, and against both with channels last: as quick or quicker for all of
 * the shapes above (50 to 60 GFLOP/s where the convolution itself makes 60 to 80; 130 and 165 for 1x320->320 64x64).
 */
export function weightGradient(x: Value, dy: Value, window: Window, shape: readonly number[]): Value {
  const [batch, channels] = sizes(x) as [number, number];
  const [, outChannels, ...outputs] = sizes(dy) as [number, number, ...number[]];
  const { group } = window;
  const taps = count(window.kernel);
  const length = batch * count(outputs);
  const copies = shifts(channelsFirst(x), window, outputs, 2).map((copy) => reshape(copy, [channels, 1, length]));
  const columns = taps === 1 ? copies[0]! : concat(copies, 1);
  const rows = channelsFirst(dy);
  const perGroup = (value: Value, height: number) =>
    reshape(value, group === 1 ? [height, length] : [group, height / group, length]);
  const result = product(perGroup(rows, outChannels), perGroup(columns, channels * taps), { transB: true });
  return reshapeTo(result, shape);
}

/** [N, C, ...] -> [C, N, ...] */
function channelsFirst(x: Value): Value {
  const [batch, channels, ...spatial] = sizes(x) as [number, number, ...number[]];
  if (batch === 1) return reshape(x, [channels, 1, ...spatial]);
  return transpose(x, [1, 0, ...spatial.map((_, i) => i + 2)]);
}
