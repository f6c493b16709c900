import { ShapeError } from "../../errors.js";
import {
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
import { type Attributes, floats, ints, size, type Value } from "../value.js";
import { count, evenly, joined, type Rule, reshapeTo, sizes, splitInto } from "./rule.js";

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

/** The transposed convolution of dy, in the quickest of three forms. */
export function inputGradient(dy: Value, weight: Value, window: Window, shape: readonly number[]): Value {
  const [batch, outChannels, ...outputs] = sizes(dy) as [number, number, ...number[]];
  const positions = count(outputs);
  if (isDense(window) && isPointwise(window)) {
    const matrix = reshape(weight, [outChannels, shape[1] as number]);
    return reshape(product(matrix, reshape(dy, [batch, outChannels, positions]), { transA: true }), shape);
  }
  // A convolution with the kernel turned round is quicker than a transposed one, but turning is a pass over the weight,
  // which many positions have to pay for. Milliseconds of two AVX2 cores, 3x3 kernels, batch x channels in -> out, map:
  //             32x192->192 8x8   32x448->256 4x4   1x320->320 64x64   1x1280->1280 16x16
  //   turned          9.5               8.5                46                  73
  //   transposed     10.3              11.8                57                  61
  if (isDense(window) && batch * positions >= 512) return convolution(dy, turned(weight), mirrored(window));
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

/**
 * [O, C, ...kernel] -> [C, O, ...kernel] with the kernel reversed. The reversal is a product with a permutation matrix:
 * ONNX Runtime moves single elements (Slice, Gather) in three times the time.
 */
function turned(weight: Value): Value {
  const [outChannels, channels, ...kernel] = sizes(weight) as [number, number, ...number[]];
  const taps = count(kernel);
  const reversal = Array.from({ length: taps ** 2 }, (_, i) =>
    Math.floor(i / taps) + (i % taps) === taps - 1 ? 1 : 0,
  );
  const reversed = product(reshape(weight, [outChannels, channels, taps]), floats(reversal, [taps, taps]));
  return reshape(transpose(reversed, [1, 0, 2]), [channels, outChannels, ...kernel]);
}

/**
 * dW[o, c, tap] = sum over samples and positions of dy[o] x[c, moved by tap]: one product of dy and moved copies of x
 * (im2col), at 110 to 145 GFLOP/s where the convolution makes 150. A product per tap was slower, and so were channels as
 * the last axis. Copies of dy, moved the other way, do as well where it has fewer channels: 28 instead of 37 ms for
 * 32x288->96 16x16; the weight has to be transposed then.
 */
export function weightGradient(x: Value, dy: Value, window: Window, shape: readonly number[]): Value {
  const [channels, outChannels] = [size(x, 1), size(dy, 1)];
  const taps = count(window.kernel);
  if (isDense(window) && isPointwise(window)) {
    return reshape(product(channelsFirst(dy), channelsFirst(x), { transB: true }), shape);
  }
  const copied = (channels - outChannels) * count(sizes(dy).toSpliced(1, 1));
  if (isDense(window) && copied > 2 * channels * outChannels) {
    const result = reshape(correlate(x, dy, mirrored(window), true), [channels, outChannels, taps]);
    return reshape(transpose(result, [1, 0, 2]), shape);
  }
  return reshapeTo(correlate(dy, x, window, false), shape);
}

/** [N, C, ...positions] -> [C, N * positions] */
function channelsFirst(x: Value): Value {
  const [batch, channels, ...spatial] = sizes(x) as [number, number, ...number[]];
  const swapped = batch === 1 ? x : transpose(x, [1, 0, ...spatial.map((_, i) => i + 2)]);
  return reshape(swapped, [channels, batch * count(spatial)]);
}

/** Bytes that the copies of a map may take at a time; more channels are worked off in groups, at the same speed. */
const copiesBytes = 64 * 2 ** 20;

/**
 * Products of every channel of one map with every channel of another as each tap of a window sees it.
 * @param still    [N, R, ...outputs]
 * @param moved    [N, M, ...inputs]
 * @param reversed whether taps are counted from the last
 * @returns        [R, M / group * taps], within the groups of the window
 */
function correlate(still: Value, moved: Value, window: Window, reversed: boolean): Value {
  const { group, kernel } = window;
  const [rows, channels, taps] = [size(still, 1), size(moved, 1), count(kernel)];
  const outputs = sizes(still).slice(2);
  const length = size(still, 0) * count(outputs);
  const matrix = (value: Value, height: number) =>
    reshape(value, group === 1 ? [height, length] : [group, height / group, length]);
  const copies = (part: Value): Value => matrix(copiesOf(part, window, outputs, reversed), size(part, 0) * taps);
  const limit = group === 1 ? Math.floor(copiesBytes / (4 * taps * length)) : channels;
  const parts = splitInto(batchLast(moved), evenly(channels, limit), 0);
  const left = matrix(batchLast(still), rows);
  return joined(
    parts.map((part) => product(left, copies(part), { transB: true })),
    -1,
  );
}

/** [N, C, ...] -> [C, ..., N]: the longest stretches for the copies that follow. */
function batchLast(x: Value): Value {
  const [batch, ...rest] = sizes(x) as [number, ...number[]];
  return batch === 1 ? reshape(x, [...rest, 1]) : transpose(x, [...rest.map((_, i) => i + 1), 0]);
}

/**
 * What every tap of a window sees at every output position.
 * @param x [C, ...inputs, N]
 * @returns C * taps * outputs * N elements, in this order
 */
function copiesOf(x: Value, window: Window, outputs: readonly number[], reversed: boolean): Value {
  const around = (widths: readonly number[]) => [0, ...widths, 0];
  const pads = [...around(window.before), ...around(window.after)];
  const padded = pads.some((width) => width !== 0) ? pad(x, pads) : x;
  const [channels, ...spatial] = sizes(padded).slice(0, -1) as [number, ...number[]];
  const batch = size(x, -1);
  const inOrder = positionsOf(window.kernel).map((tap) => tap.map((place, i) => place * window.dilations[i]!));
  const starts = reversed ? inOrder.toReversed() : inOrder;
  if (starts.length === 1 && outputs.every((width, i) => width === spatial[i] && window.strides[i] === 1))
    return padded;
  // Gather works on all cores, but element by element of the batch: 39 instead of 42 ms of processor time for
  // 32x192->192 16x16, and 6.2 instead of 5.1 for a batch of 4.
  if (batch >= 16) {
    const places = starts.flatMap((start) =>
      positionsOf(outputs).map((output) =>
        output.reduce((place, o, i) => place * spatial[i]! + start[i]! + o * window.strides[i]!, 0),
      ),
    );
    return gather(reshape(padded, [channels, count(spatial), batch]), ints(places), 1);
  }
  const axes = spatial.map((_, i) => i + 1);
  const perTap = starts.map((start) => strided(padded, axes, start, outputs, window.strides));
  return joined(
    perTap.map((copy) => reshape(copy, [channels, 1, count(outputs) * batch])),
    1,
  );
}

/** All index tuples of a shape, the last axis fastest. */
const positionsOf = (shape: readonly number[]): number[][] =>
  shape.reduce<number[][]>(
    (rows, width) => rows.flatMap((row) => Array.from({ length: width }, (_, i) => [...row, i])),
    [[]],
  );
