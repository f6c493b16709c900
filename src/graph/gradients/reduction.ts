import {
  cast,
  div,
  equal,
  expand,
  maximum,
  maxPoolIndices,
  mul,
  reduceSum,
  reshape,
  scatterAdd,
} from "../operators/index.js";
import { intAttribute, intsAttribute } from "../operators/inference.js";
import { floats, type Value } from "../value.js";
import { inputGradient, type Window, windowOf } from "./convolution.js";
import { count, filled, keptAxes, namedAxes, type Rule, reshapeTo, sizes } from "./rule.js";

/** Rules of sums, means, extremes and pooling windows. */

/** A reduction's result or its gradient, with the reduced axes back as size 1. */
const keep = (reduced: Value, x: Value, axes: Value | undefined): Value =>
  reshapeTo(reduced, keptAxes(sizes(x), namedAxes(x, axes)));

export const reduceSumRule: Rule = ({ dy, x: [x, axes] }) => [expand(keep(dy, x, axes), sizes(x))];

export const reduceMeanRule: Rule = ({ dy, x: [x, axes] }) => {
  const shape = sizes(x);
  const summed = namedAxes(x, axes).map((axis) => shape[axis] as number);
  return [expand(mul(keep(dy, x, axes), 1 / count(summed)), shape)];
};

/** In equal parts where several elements are the largest. */
export const reduceMaxRule: Rule = ({ dy, y, x: [x, axes] }) => {
  const chosen = cast(equal(x, keep(y, x, axes)), "f32");
  const ties = reduceSum(chosen, { axes: namedAxes(x, axes), keepDims: true });
  return [mul(chosen, div(keep(dy, x, axes), ties))];
};

/** x / |x|; 0 at the origin, where there is no direction. */
export const reduceL2Rule: Rule = ({ dy, y, x: [x, axes] }) => [mul(x, keep(div(dy, maximum(y, 1e-30)), x, axes))];

/** The pooling is done once more, to learn where in the flat input each maximum was. */
export const maxPoolRule: Rule = ({ dy, x: [x], attributes }) => {
  const shape = sizes(x);
  const places = reshape(maxPoolIndices(x, attributes), [-1]);
  return [reshape(scatterAdd(filled(0, [count(shape)]), places, reshape(dy, [-1]), 0), shape)];
};

/** Every element of a window gets an equal part: a transposed convolution with a kernel of ones, plane by plane. */
export const averagePoolRule: Rule = ({ dy, y, x: [x], attributes }) => {
  const [batch, channels, ...inputs] = sizes(x) as [number, number, ...number[]];
  const outputs = sizes(y).slice(2);
  const window = windowOf(attributes, intsAttribute(attributes, "kernel_shape") ?? []);
  const shares = windowShares(window, inputs, outputs, intAttribute(attributes, "count_include_pad", 0) === 1);
  const planes = mul(reshape(dy, [batch * channels, 1, ...outputs]), floats(shares, outputs));
  const ones = floats(Array<number>(count(window.kernel)).fill(1), [1, 1, ...window.kernel]);
  return [reshape(inputGradient(planes, ones, window, [batch * channels, 1, ...inputs]), x.shape)];
};

/** 1 / the number of elements that each window averages: padding counts only where the operator says so. */
function windowShares(
  window: Window,
  inputs: readonly number[],
  outputs: readonly number[],
  padding: boolean,
): number[] {
  return outputs.reduce<number[]>(
    (shares, length, axis) => {
      const { kernel, strides, dilations, before } = window;
      const along = Array.from({ length }, (_, i) => {
        const start = i * strides[axis]! - before[axis]!;
        const places = Array.from({ length: kernel[axis]! }, (_, tap) => start + tap * dilations[axis]!);
        return 1 / places.filter((place) => padding || (place >= 0 && place < inputs[axis]!)).length;
      });
      return shares.flatMap((share) => along.map((part) => share * part));
    },
    [1],
  );
}

export const globalAveragePoolRule: Rule = ({ dy, x: [x] }) => {
  const shape = sizes(x);
  return [expand(mul(dy, 1 / count(shape.slice(2))), shape)];
};
