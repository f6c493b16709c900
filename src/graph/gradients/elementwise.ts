import {
  add,
  cast,
  div,
  equal,
  erf,
  exp,
  greater,
  log,
  mul,
  neg,
  pow,
  reduceSum,
  sigmoid,
  sub,
  where,
} from "../operators/index.js";
import { floatAttribute } from "../operators/inference.js";
import type { Value } from "../value.js";
import { axisOf, type Rule, uniformConstant } from "./rule.js";

/** Rules of element-by-element operators that take more than a line. */

/** x^n. By the exponent: y ln x. */
export const powRule: Rule = ({ dy, y, x: [base, exponent] }) => {
  const n = uniformConstant(exponent);
  const slope =
    n === 2 ? mul(base, 2) : mul(exponent, n === undefined ? pow(base, sub(exponent, 1)) : pow(base, n - 1));
  return [mul(dy, slope), mul(dy, mul(y, log(base)))];
};

/** Largest or smallest operand: the gradient goes where the result came from, in equal parts where several tie. */
export const extremeRule: Rule = ({ dy, y, x }) => {
  const operands = x as readonly Value[];
  const chosen = operands.map((operand) => cast(equal(operand, y), "f32"));
  const share = div(
    dy,
    chosen.reduce((a, b) => add(a, b)),
  );
  return chosen.map((mask) => mul(share, mask));
};

/** Where x was inside the bounds it is its own result, so one comparison does for both. */
export const clipRule: Rule = ({ dy, y, x: [x] }) => [where(equal(x, y), dy, 0)];

/** x * sigmoid(a x): with s the sigmoid, the slope is s (1 + a (x - y)). */
export const quickGeluRule: Rule = ({ dy, y, x: [x], attributes }) => {
  const alpha = floatAttribute(attributes, "alpha", 1.702);
  const scaled = (value: Value) => (alpha === 1 ? value : mul(value, alpha));
  return [mul(dy, mul(sigmoid(scaled(x)), add(scaled(sub(x, y)), 1)))];
};

/** x Phi(x), with Phi the normal distribution: the slope is Phi(x) + x phi(x). With t = x / sqrt 2. */
export const geluRule: Rule = ({ dy, x: [x], attributes }) => {
  if (attributes.approximate === "tanh") return [mul(dy, tanhGeluSlope(x))];
  const t = mul(x, Math.SQRT1_2);
  const density = mul(mul(t, 1 / Math.sqrt(Math.PI)), exp(neg(mul(t, t))));
  return [mul(dy, add(mul(add(erf(t), 1), 0.5), density))];
};

/** y = x s with s = sigmoid(2 u), u = c (x + b x^3), so y' = s + x s (1 - s) 2 u'. */
function tanhGeluSlope(x: Value): Value {
  const [c, b] = [Math.sqrt(2 / Math.PI), 0.044715];
  const square = mul(x, x);
  const s = sigmoid(mul(mul(x, 2 * c), add(mul(square, b), 1)));
  const twiceSlope = mul(add(mul(square, 3 * b), 1), 2 * c);
  return mul(s, add(mul(mul(x, sub(1, s)), twiceSlope), 1));
}

/** x where positive, slope x elsewhere. */
export const preluRule: Rule = ({ dy, x: [x, slope] }) => {
  const positive = greater(x, 0);
  return [where(positive, dy, mul(dy, slope)), where(positive, 0, mul(dy, x))];
};

export const leakyReluRule: Rule = ({ dy, x: [x], attributes }) => [
  where(greater(x, 0), dy, mul(dy, floatAttribute(attributes, "alpha", 0.01))),
];

/** a (e^x - 1) below 0. */
export const eluRule: Rule = ({ dy, y, x: [x], attributes }) => [
  where(greater(x, 0), dy, mul(dy, add(y, floatAttribute(attributes, "alpha", 1)))),
];

/** Linear between 0 and 1, constant elsewhere. */
export const hardSigmoidRule: Rule = ({ dy, y, attributes }) => {
  const slope = mul(dy, floatAttribute(attributes, "alpha", 0.2));
  return [where(greater(mul(y, sub(1, y)), 0), slope, 0)];
};

export const softmaxRule: Rule = ({ dy, y, x: [x], attributes }) => {
  const axes = [axisOf(x, attributes, -1)];
  return [mul(y, sub(dy, reduceSum(mul(dy, y), { axes, keepDims: true })))];
};

/** Integers have no gradient. */
export const castRule: Rule = ({ dy, x: [x] }) => [
  ["f64", "f32", "f16", "bf16"].includes(x.dtype) ? cast(dy, x.dtype) : undefined,
];

export const whereRule: Rule = ({ dy, x: [condition] }) => [
  undefined,
  where(condition, dy, 0),
  where(condition, 0, dy),
];
