import type { DType } from "../../tensor/dtype.js";
import { apply1, Float, floats, Mismatch, type Operator, type Value } from "../value.js";
import { broadcast, dimAt, intAttribute, required, sameDType } from "./inference.js";

/** Operators that work element by element, with NumPy broadcasting where they take several operands. */

function unary(type: string, domain?: "com.microsoft"): Operator {
  return { type, domain, infer: (inputs) => [required(inputs, 0)] };
}

function variadic(type: string): Operator {
  return {
    type,
    infer: (inputs) => {
      const values = inputs.map((_, i) => required(inputs, i));
      sameDType(...values);
      return [{ dtype: required(inputs, 0).dtype, shape: broadcast(...values.map((value) => value.shape)) }];
    },
  };
}

function comparison(type: string): Operator {
  const { infer } = variadic(type);
  return { type, infer: (...args) => infer(...args).map(({ shape }) => ({ dtype: "bool", shape })) };
}

export const elementwiseOperators = {
  Add: variadic("Add"),
  Sub: variadic("Sub"),
  Mul: variadic("Mul"),
  Div: variadic("Div"),
  Pow: variadic("Pow"),
  Max: variadic("Max"),
  Min: variadic("Min"),
  PRelu: variadic("PRelu"),
  Equal: comparison("Equal"),
  Less: comparison("Less"),
  Greater: comparison("Greater"),
  Neg: unary("Neg"),
  Abs: unary("Abs"),
  Sign: unary("Sign"),
  Exp: unary("Exp"),
  Log: unary("Log"),
  Sqrt: unary("Sqrt"),
  Reciprocal: unary("Reciprocal"),
  Sin: unary("Sin"),
  Cos: unary("Cos"),
  Tanh: unary("Tanh"),
  Erf: unary("Erf"),
  Relu: unary("Relu"),
  LeakyRelu: unary("LeakyRelu"),
  Sigmoid: unary("Sigmoid"),
  HardSigmoid: unary("HardSigmoid"),
  Elu: unary("Elu"),
  Softplus: unary("Softplus"),
  Gelu: unary("Gelu"),
  QuickGelu: unary("QuickGelu", "com.microsoft"),
  Identity: unary("Identity"),
  Clip: unary("Clip"),
  Softmax: {
    type: "Softmax",
    infer: (inputs, attributes) => {
      const x = required(inputs, 0);
      dimAt(x, intAttribute(attributes, "axis", -1));
      return [x];
    },
  },
  Where: {
    type: "Where",
    infer: (inputs) => {
      const [condition, a, b] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
      if (condition.dtype !== "bool") throw new Mismatch(`the condition must be bool, not ${condition.dtype}`);
      sameDType(a, b);
      return [{ dtype: a.dtype, shape: broadcast(condition.shape, a.shape, b.shape) }];
    },
  },
  Cast: {
    type: "Cast",
    infer: (inputs, attributes) => [{ dtype: attributes.to as DType, shape: required(inputs, 0).shape }],
  },
} as const satisfies Record<string, Operator>;

const ops = elementwiseOperators;
/** An operand: a value, or a number that becomes a float32 scalar. */
export type Operand = Value | number;
const value = (operand: Operand): Value => (typeof operand === "number" ? floats(operand) : operand);

export const add = (a: Operand, b: Operand): Value => apply1(ops.Add, [value(a), value(b)]);
export const sub = (a: Operand, b: Operand): Value => apply1(ops.Sub, [value(a), value(b)]);
export const mul = (a: Operand, b: Operand): Value => apply1(ops.Mul, [value(a), value(b)]);
export const div = (a: Operand, b: Operand): Value => apply1(ops.Div, [value(a), value(b)]);
export const pow = (a: Operand, b: Operand): Value => apply1(ops.Pow, [value(a), value(b)]);
export const maximum = (a: Operand, b: Operand): Value => apply1(ops.Max, [value(a), value(b)]);
export const minimum = (a: Operand, b: Operand): Value => apply1(ops.Min, [value(a), value(b)]);
export const equal = (a: Operand, b: Operand): Value => apply1(ops.Equal, [value(a), value(b)]);
export const greater = (a: Operand, b: Operand): Value => apply1(ops.Greater, [value(a), value(b)]);
export const neg = (x: Value): Value => apply1(ops.Neg, [x]);
export const abs = (x: Value): Value => apply1(ops.Abs, [x]);
/** -1, 0 or 1. */
export const sign = (x: Value): Value => apply1(ops.Sign, [x]);
/** The error function. */
export const erf = (x: Value): Value => apply1(ops.Erf, [x]);
/** The natural logarithm. */
export const log = (x: Value): Value => apply1(ops.Log, [x]);
export const exp = (x: Value): Value => apply1(ops.Exp, [x]);
export const sqrt = (x: Value): Value => apply1(ops.Sqrt, [x]);
export const sin = (x: Value): Value => apply1(ops.Sin, [x]);
export const cos = (x: Value): Value => apply1(ops.Cos, [x]);
export const tanh = (x: Value): Value => apply1(ops.Tanh, [x]);
export const relu = (x: Value): Value => apply1(ops.Relu, [x]);
/** `log(1 + exp(x))`. */
export const softplus = (x: Value): Value => apply1(ops.Softplus, [x]);
export const sigmoid = (x: Value): Value => apply1(ops.Sigmoid, [x]);
/** `x * sigmoid(x)`, the activation of the diffusion networks. One node: ONNX Runtime names it QuickGelu with alpha 1. */
export const silu = (x: Value): Value => apply1(ops.QuickGelu, [x], { alpha: new Float(1) });
/** `x * sigmoid(1.702 x)`, the activation of CLIP ViT-L/14. */
export const quickGelu = (x: Value): Value => apply1(ops.QuickGelu, [x], { alpha: new Float(1.702) });
/** The exact (erf) form. */
export const gelu = (x: Value): Value => apply1(ops.Gelu, [x]);
export const softmax = (x: Value, axis = -1): Value => apply1(ops.Softmax, [x], { axis });
export const where = (condition: Value, a: Operand, b: Operand): Value =>
  apply1(ops.Where, [condition, value(a), value(b)]);
export const clip = (x: Value, min: number, max: number): Value => apply1(ops.Clip, [x, floats(min), floats(max)]);

/** Converts to `dtype`; a value that already has it is returned as it is. */
export function cast(x: Value, dtype: DType): Value {
  return x.dtype === dtype ? x : apply1(ops.Cast, [x], { to: dtype });
}
