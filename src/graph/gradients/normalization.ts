import { ShapeError } from "../../errors.js";
import {
  abs,
  add,
  div,
  maximum,
  mul,
  normalize,
  reduceMean,
  reduceSum,
  reshape,
  sign,
  sqrt,
  sub,
} from "../operators/index.js";
import { floatAttribute, intAttribute } from "../operators/inference.js";
import type { Value } from "../value.js";
import { axisOf, count, type Rule, reshapeTo, sizes, uniformConstant } from "./rule.js";

/** Rules of normalizations. */

const defaultEpsilon = 1e-5;

/**
 * The slices along the last axis, normalized again, and the gradient through that.
 * The gradient of a normalization takes out of dn what changes a slice's mean or length:
 * dx = (dn - mean(dn) - n mean(dn n)) / std.
 */
function normalization(x: Value, epsilon: number): { normal: Value; backward(dn: Value): Value } {
  const { normal, inverseStd } = normalize(x, epsilon);
  const mean = (value: Value) => reduceMean(value, { axes: [-1], keepDims: true });
  const backward = (dn: Value) => mul(sub(sub(dn, mean(dn)), mul(normal, mean(mul(dn, normal)))), inverseStd);
  return { normal, backward };
}

/** y = scale n + bias, over the last axes from `axis` on. */
export const layerNormalizationRule: Rule = ({ dy, x: [x, scale], attributes }) => {
  const shape = sizes(x);
  const axis = axisOf(x, attributes, -1);
  const flat = [...shape.slice(0, axis), count(shape.slice(axis))];
  const { normal, backward } = normalization(reshapeTo(x, flat), floatAttribute(attributes, "epsilon", defaultEpsilon));
  const dx = backward(reshapeTo(mul(dy, scale), flat));
  return [reshapeTo(dx, shape), mul(dy, reshapeTo(normal, shape)), dy];
};

/** y = scale n + bias, each channel of each sample normalized over its positions. */
export const instanceNormalizationRule: Rule = (node) => groupRule(node, sizes(node.x[0])[1] as number);

/** y = scale n + bias, groups of channels normalized together; scale and bias per channel. */
export const groupNormalizationRule: Rule = (node) => groupRule(node, intAttribute(node.attributes, "num_groups", 1));

function groupRule({ dy, x: [x, scale], attributes }: Parameters<Rule>[0], groups: number): ReturnType<Rule> {
  const shape = sizes(x);
  const [batch, channels] = shape as [number, number];
  const grouped = [batch, groups, count(shape.slice(1)) / groups];
  const { normal, backward } = normalization(
    reshapeTo(x, grouped),
    floatAttribute(attributes, "epsilon", defaultEpsilon),
  );
  // A scale of ones is how groupNorm of models/layers.ts calls this; multiplying by it would be a pass for nothing.
  const dn = uniformConstant(scale) === 1 ? dy : mul(dy, perChannel(scale, shape));
  const sum = (value: Value) => reduceSum(value, { axes: shape.flatMap((_, i) => (i === 1 ? [] : [i])) });
  return [
    reshapeTo(backward(reshapeTo(dn, grouped)), shape),
    reshapeTo(sum(mul(dy, reshapeTo(normal, shape))), [channels]),
    sum(dy),
  ];
}

/** A vector over channels, placed to broadcast over positions. */
const perChannel = (vector: Value, shape: readonly number[]): Value =>
  reshape(vector, [shape[1] as number, ...shape.slice(2).map(() => 1)]);

/** In inference: y = scale (x - mean) / sqrt(var + epsilon) + bias, with the mean and variance of training. */
export const batchNormalizationRule: Rule = ({ dy, x: [x, scale, , ...statistics], attributes }) => {
  if (intAttribute(attributes, "training_mode", 0) !== 0) {
    throw new ShapeError("gradients: BatchNormalization has a rule for inference only (training_mode 0)");
  }
  const shape = sizes(x);
  const [mean, variance] = statistics as [Value, Value];
  const std = sqrt(add(variance, floatAttribute(attributes, "epsilon", defaultEpsilon)));
  const sum = (value: Value) => reduceSum(value, { axes: shape.flatMap((_, i) => (i === 1 ? [] : [i])) });
  const centred = sub(x, perChannel(mean, shape));
  return [mul(dy, perChannel(div(scale, std), shape)), div(sum(mul(dy, centred)), std), sum(dy)];
};

/** y = x / |x|, with the sum of magnitudes (p = 1) or the Euclidean length (p = 2). */
export const lpNormalizationRule: Rule = ({ dy, y, x: [x], attributes }) => {
  const along = { axes: [axisOf(x, attributes, -1)], keepDims: true };
  const byLength = intAttribute(attributes, "p", 2) === 2;
  const length = byLength ? sqrt(reduceSum(mul(x, x), along)) : reduceSum(abs(x), along);
  const direction = byLength ? y : sign(x);
  return [div(sub(dy, mul(direction, reduceSum(mul(dy, y), along))), maximum(length, 1e-12))];
};
