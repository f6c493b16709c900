import { cos, div, exp, mul, neg, sigmoid, sign, sin, sub } from "../operators/index.js";
import { attentionRule } from "./attention.js";
import { convRule, convTransposeRule } from "./convolution.js";
import * as elementwise from "./elementwise.js";
import { gemmRule, matMulRule } from "./linear.js";
import * as normalization from "./normalization.js";
import * as reduction from "./reduction.js";
import type { Rule } from "./rule.js";
import * as shape from "./shape.js";

/** Nothing flows through operators whose result is piecewise constant, or is not a real number. */
const stop: Rule = () => [];

/** The gradient rule of each operator, by ONNX name. */
export const rules: ReadonlyMap<string, Rule> = new Map(
  Object.entries<Rule>({
    Add: ({ dy }) => [dy, dy],
    Sub: ({ dy }) => [dy, neg(dy)],
    Mul: ({ dy, x: [a, b] }) => [mul(dy, b), mul(dy, a)],
    Div: ({ dy, y, x: [, b] }) => [div(dy, b), neg(mul(div(dy, b), y))],
    Pow: elementwise.powRule,
    Max: elementwise.extremeRule,
    Min: elementwise.extremeRule,
    Neg: ({ dy }) => [neg(dy)],
    Abs: ({ dy, x: [x] }) => [mul(dy, sign(x))],
    Exp: ({ dy, y }) => [mul(dy, y)],
    Log: ({ dy, x: [x] }) => [div(dy, x)],
    Sqrt: ({ dy, y }) => [div(mul(dy, 0.5), y)],
    Reciprocal: ({ dy, y }) => [neg(mul(dy, mul(y, y)))],
    Sin: ({ dy, x: [x] }) => [mul(dy, cos(x))],
    Cos: ({ dy, x: [x] }) => [neg(mul(dy, sin(x)))],
    Erf: ({ dy, x: [x] }) => [mul(mul(dy, 2 / Math.sqrt(Math.PI)), exp(neg(mul(x, x))))],
    Tanh: ({ dy, y }) => [mul(dy, sub(1, mul(y, y)))],
    Sigmoid: ({ dy, y }) => [mul(dy, mul(y, sub(1, y)))],
    HardSigmoid: elementwise.hardSigmoidRule,
    Softplus: ({ dy, x: [x] }) => [mul(dy, sigmoid(x))],
    // Its result is never negative, so the sign is 0 or 1; two passes where a Where takes four.
    Relu: ({ dy, y }) => [mul(dy, sign(y))],
    LeakyRelu: elementwise.leakyReluRule,
    PRelu: elementwise.preluRule,
    Elu: elementwise.eluRule,
    Gelu: elementwise.geluRule,
    QuickGelu: elementwise.quickGeluRule,
    Clip: elementwise.clipRule,
    Softmax: elementwise.softmaxRule,
    Where: elementwise.whereRule,
    Cast: elementwise.castRule,
    Identity: ({ dy }) => [dy],

    MatMul: matMulRule,
    FusedMatMul: matMulRule,
    Gemm: gemmRule,
    Conv: convRule,
    ConvTranspose: convTransposeRule,
    MultiHeadAttention: attentionRule,

    InstanceNormalization: normalization.instanceNormalizationRule,
    GroupNormalization: normalization.groupNormalizationRule,
    LayerNormalization: normalization.layerNormalizationRule,
    BatchNormalization: normalization.batchNormalizationRule,
    LpNormalization: normalization.lpNormalizationRule,

    ReduceSum: reduction.reduceSumRule,
    ReduceMean: reduction.reduceMeanRule,
    ReduceMax: reduction.reduceMaxRule,
    ReduceL2: reduction.reduceL2Rule,
    MaxPool: reduction.maxPoolRule,
    AveragePool: reduction.averagePoolRule,
    GlobalAveragePool: reduction.globalAveragePoolRule,

    Reshape: shape.reshapeRule,
    Flatten: shape.reshapeRule,
    Squeeze: shape.reshapeRule,
    Unsqueeze: shape.reshapeRule,
    Expand: ({ dy }) => [dy],
    Transpose: shape.transposeRule,
    Concat: shape.concatRule,
    Split: shape.splitRule,
    Slice: shape.sliceRule,
    Pad: shape.padRule,
    Gather: shape.gatherRule,
    Resize: shape.resizeRule,

    Equal: stop,
    Less: stop,
    Greater: stop,
    Sign: stop,
    Shape: stop,
    Size: stop,
  }),
);
