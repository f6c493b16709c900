import { beforeAll, describe, expect, it } from "vitest";
import { rules } from "../../src/graph/gradients/rules.js";
import { operators } from "../../src/graph/operators/index.js";
import {
  type Attributes,
  apply,
  apply1,
  constant,
  Float,
  floats,
  ints,
  type Operator,
  type Value,
} from "../../src/graph/value.js";
import { type Case, gradientErrors } from "./central-differences.js";

/** Rounding of float32 in the differences is about 1e-4; a wrong rule is off by far more. */
const tolerance = 2e-3;

const operator = (type: string): Operator => operators.get(type) as Operator;
/** Applies the operator to the case's operands and then to the given constants. */
const op =
  (type: string, attributes: Attributes = {}, ...constants: (Value | undefined)[]) =>
  (...operands: Value[]): Value =>
    apply1(operator(type), [...operands, ...constants], attributes);
const float = (value: number) => new Float(value);
const indices = (shape: number[], values: number[]) =>
  constant({ dtype: "i64", shape, data: BigInt64Array.from(values, BigInt) });
const positive = (x: number) => Math.abs(x) + 0.2;
/** The second operand stays away from 0. */
const positiveSecond = (x: number, operand: number) => (operand === 0 ? x : positive(x));

const map = [2, 3, 4, 5];
const unary = (type: string, attributes?: Attributes, sample?: Case["sample"]): Case => ({
  shapes: [[4, 5]],
  f: op(type, attributes),
  sample,
});
const binary = (type: string, sample?: Case["sample"]): Case => ({
  shapes: [
    [2, 3, 5],
    [3, 1],
  ],
  f: op(type),
  sample,
});
const image = (type: string, attributes?: Attributes, ...constants: (Value | undefined)[]): Case => ({
  shapes: [map],
  f: op(type, attributes, ...constants),
});

const cases: Record<string, Record<string, Case>> = {
  elementwise: {
    Add: binary("Add"),
    Sub: binary("Sub"),
    Mul: binary("Mul"),
    Div: binary("Div", positiveSecond),
    Pow: binary("Pow", positive),
    "Pow 2": { shapes: [[3, 5]], f: op("Pow", {}, floats(2)) },
    "Pow 3": { shapes: [[3, 5]], f: op("Pow", {}, floats(3)) },
    Max: { shapes: [[2, 3, 5], [3, 1], [5]], f: op("Max") },
    Min: { shapes: [[2, 3, 5], [3, 1], [5]], f: op("Min") },
    PRelu: binary("PRelu"),
    Neg: unary("Neg"),
    Abs: unary("Abs"),
    Exp: unary("Exp"),
    Log: unary("Log", {}, positive),
    Sqrt: unary("Sqrt", {}, positive),
    Reciprocal: unary("Reciprocal", {}, positive),
    Sin: unary("Sin"),
    Cos: unary("Cos"),
    Tanh: unary("Tanh"),
    Erf: unary("Erf"),
    Relu: unary("Relu"),
    LeakyRelu: unary("LeakyRelu", { alpha: float(0.3) }),
    Sigmoid: unary("Sigmoid"),
    HardSigmoid: unary("HardSigmoid", { alpha: float(0.5), beta: float(0.4) }),
    Elu: unary("Elu", { alpha: float(0.7) }),
    Softplus: unary("Softplus"),
    Gelu: unary("Gelu"),
    "Gelu tanh": unary("Gelu", { approximate: "tanh" }),
    QuickGelu: unary("QuickGelu", { alpha: float(1) }),
    "QuickGelu 1.702": unary("QuickGelu", { alpha: float(1.702) }),
    Identity: unary("Identity"),
    Cast: { shapes: [[3, 5]], f: (x) => op("Cast", { to: "f32" })(op("Cast", { to: "f64" })(x)) },
    Clip: { shapes: [[4, 5]], f: op("Clip", {}, floats(-0.5), floats(0.8)) },
    Softmax: unary("Softmax", { axis: -1 }),
    "Softmax of axis 0": unary("Softmax", { axis: 0 }),
    Where: {
      shapes: [
        [2, 3, 5],
        [3, 1],
      ],
      f: (a, b) => apply1(operator("Where"), [op("Greater")(a, floats(0.1)), op("Mul")(a, a), b]),
    },
  },
  products: {
    MatMul: {
      shapes: [
        [3, 5],
        [5, 7],
      ],
      f: op("MatMul"),
    },
    "MatMul of batches and a matrix": {
      shapes: [
        [2, 3, 5],
        [5, 7],
      ],
      f: op("MatMul"),
    },
    "MatMul of a matrix and batches": {
      shapes: [
        [3, 5],
        [2, 5, 7],
      ],
      f: op("MatMul"),
    },
    "MatMul of broadcast batches": {
      shapes: [
        [2, 1, 3, 5],
        [4, 5, 2],
      ],
      f: op("MatMul"),
    },
    "MatMul with a transpose": {
      shapes: [
        [2, 3, 5],
        [7, 5],
      ],
      f: (x, w) => op("MatMul")(x, op("Transpose", { perm: [1, 0] })(w)),
    },
    "FusedMatMul NN": {
      shapes: [
        [3, 5],
        [5, 7],
      ],
      f: op("FusedMatMul", { alpha: float(0.5) }),
    },
    "FusedMatMul TN": {
      shapes: [
        [2, 5, 3],
        [5, 7],
      ],
      f: op("FusedMatMul", { transA: 1 }),
    },
    "FusedMatMul NT": {
      shapes: [
        [2, 3, 5],
        [7, 5],
      ],
      f: op("FusedMatMul", { transB: 1, alpha: float(2) }),
    },
    "FusedMatMul TT": {
      shapes: [
        [2, 5, 3],
        [2, 7, 5],
      ],
      f: op("FusedMatMul", { transA: 1, transB: 1 }),
    },
    Gemm: { shapes: [[3, 5], [5, 7], [7]], f: op("Gemm") },
    "Gemm TT": {
      shapes: [
        [5, 3],
        [7, 5],
        [3, 1],
      ],
      f: op("Gemm", { transA: 1, transB: 1, alpha: float(0.5), beta: float(3) }),
    },
    MultiHeadAttention: {
      shapes: [
        [2, 3, 4],
        [2, 5, 4],
        [2, 5, 6],
      ],
      f: op("MultiHeadAttention", { num_heads: 2 }),
    },
    "MultiHeadAttention, causal, scaled": {
      shapes: [
        [2, 5, 6],
        [2, 5, 6],
        [2, 5, 6],
      ],
      f: op("MultiHeadAttention", { num_heads: 3, unidirectional: 1, scale: float(0.4) }),
    },
  },
  convolutions: {
    Conv: { shapes: [[2, 3, 5, 7], [4, 3, 3, 2], [4]], f: op("Conv", { pads: [1, 0, 1, 1] }) },
    "Conv 1x1": { shapes: [[2, 3, 2, 5], [4, 3, 1, 1], [4]], f: op("Conv") },
    "Conv of one image": {
      shapes: [
        [1, 3, 5, 7],
        [2, 3, 3, 3],
      ],
      f: op("Conv", { pads: [1, 1, 1, 1] }),
    },
    "Conv of many positions": { shapes: [[3, 2, 16, 13], [4, 2, 3, 2], [4]], f: op("Conv", { pads: [1, 0, 1, 1] }) },
    "Conv of many positions, dilated, unevenly padded": {
      shapes: [
        [3, 2, 15, 14],
        [3, 2, 2, 3],
      ],
      f: op("Conv", { pads: [1, 1, 2, 3], dilations: [3, 2] }),
    },
    "Conv to fewer channels": {
      shapes: [[2, 5, 7, 6], [2, 5, 3, 2], [2]],
      f: op("Conv", { pads: [1, 0, 2, 1], dilations: [2, 1] }),
    },
    "Conv of a large batch": {
      shapes: [[17, 2, 3, 5], [3, 2, 2, 3], [3]],
      f: op("Conv", { pads: [1, 1, 0, 2], strides: [1, 2], dilations: [2, 1] }),
    },
    "Conv of a large batch to fewer channels": {
      shapes: [
        [17, 5, 3, 2],
        [2, 5, 3, 2],
      ],
      f: op("Conv", { pads: [1, 0, 1, 1] }),
    },
    "Conv with stride, dilation, padding": {
      shapes: [[2, 3, 8, 7], [2, 3, 3, 2], [2]],
      f: op("Conv", { strides: [2, 3], dilations: [2, 1], pads: [1, 0, 2, 1] }),
    },
    "Conv of the VAE's downsampling": {
      shapes: [
        [1, 2, 6, 8],
        [3, 2, 3, 3],
      ],
      f: op("Conv", { strides: [2, 2], pads: [0, 0, 1, 1] }),
    },
    "Conv in groups": { shapes: [[2, 6, 5, 4], [4, 3, 3, 3], [4]], f: op("Conv", { group: 2, pads: [1, 1, 1, 1] }) },
    "Conv per channel": {
      shapes: [[2, 3, 5, 4], [3, 1, 3, 3], [3]],
      f: op("Conv", { group: 3, pads: [1, 1, 1, 1], strides: [2, 2] }),
    },
    "Conv in one dimension": {
      shapes: [
        [2, 3, 9],
        [4, 3, 3],
      ],
      f: op("Conv", { pads: [1, 1], strides: [2] }),
    },
    ConvTranspose: {
      shapes: [[2, 3, 4, 3], [3, 2, 3, 2], [2]],
      f: op("ConvTranspose", { strides: [2, 1], pads: [1, 0, 0, 1] }),
    },
    "ConvTranspose in groups": {
      shapes: [[1, 4, 3, 2], [4, 3, 2, 3], [6]],
      f: op("ConvTranspose", { group: 2, strides: [2, 3], output_padding: [1, 2], dilations: [2, 1] }),
    },
  },
  normalizations: {
    InstanceNormalization: { shapes: [map, [3], [3]], f: op("InstanceNormalization", { epsilon: float(0.1) }) },
    "InstanceNormalization of unit scale": {
      shapes: [map],
      f: op("InstanceNormalization", {}, floats([1, 1, 1]), floats([0, 0, 0])),
    },
    GroupNormalization: { shapes: [[2, 6, 3, 2], [6], [6]], f: op("GroupNormalization", { num_groups: 2 }) },
    LayerNormalization: { shapes: [[2, 3, 5], [5], [5]], f: op("LayerNormalization", { epsilon: float(0.1) }) },
    "LayerNormalization of two axes": {
      shapes: [
        [2, 3, 5],
        [3, 5],
        [3, 5],
      ],
      f: op("LayerNormalization", { axis: 1 }),
    },
    BatchNormalization: {
      shapes: [map, [3], [3]],
      f: op("BatchNormalization", { epsilon: float(0.1) }, floats([0.1, -0.2, 0.3]), floats([0.5, 1, 2])),
    },
    "LpNormalization 1": unary("LpNormalization", { p: 1, axis: 0 }),
    "LpNormalization 2": unary("LpNormalization", { p: 2, axis: -1 }),
  },
  reductions: {
    ReduceSum: image("ReduceSum", { keepdims: 0 }, ints([1, -1])),
    "ReduceSum of all": image("ReduceSum", { keepdims: 0 }),
    ReduceMean: image("ReduceMean", { keepdims: 1 }, ints([0, 2])),
    ReduceMax: image("ReduceMax", { keepdims: 0 }, ints([1, 2])),
    ReduceL2: image("ReduceL2", { keepdims: 0 }, ints([-2])),
    MaxPool: image("MaxPool", { kernel_shape: [2, 3] }),
    "MaxPool, overlapping, padded": image("MaxPool", { kernel_shape: [3, 3], strides: [2, 1], pads: [1, 1, 1, 1] }),
    AveragePool: image("AveragePool", { kernel_shape: [2, 3], strides: [2, 3] }),
    "AveragePool, overlapping, padded": image("AveragePool", {
      kernel_shape: [3, 2],
      strides: [2, 1],
      pads: [1, 0, 1, 1],
    }),
    "AveragePool counting padding": image("AveragePool", {
      kernel_shape: [3, 2],
      strides: [2, 1],
      pads: [1, 0, 1, 1],
      count_include_pad: 1,
    }),
    GlobalAveragePool: image("GlobalAveragePool"),
  },
  shapes: {
    Reshape: image("Reshape", {}, ints([6, 20])),
    Flatten: image("Flatten", { axis: 2 }),
    Squeeze: { shapes: [[2, 1, 3, 1]], f: op("Squeeze", {}, ints([1, -1])) },
    Unsqueeze: { shapes: [[2, 3]], f: op("Unsqueeze", {}, ints([0, 2])) },
    Expand: { shapes: [[3, 1, 5]], f: op("Expand", {}, ints([2, 3, 4, 5])) },
    Transpose: image("Transpose", { perm: [2, 0, 3, 1] }),
    "Transpose of a factor": {
      shapes: [
        [3, 5],
        [3, 2],
      ],
      f: (a, b) => op("MatMul")(op("Transpose")(a), b),
    },
    Concat: {
      shapes: [
        [2, 3, 5],
        [2, 4, 5],
      ],
      f: op("Concat", { axis: 1 }),
    },
    Split: {
      shapes: [[2, 7]],
      f: (x) => {
        const [a, , c] = apply(operator("Split"), [x, ints([3, 1, 3])], { axis: -1 }, 3) as [Value, Value, Value];
        return op("Mul")(a, c);
      },
    },
    Slice: image("Slice", {}, ints([1, -5]), ints([4, -1]), ints([2, -1])),
    "Slice with steps": image("Slice", {}, ints([1, 0]), ints([5, 100]), ints([2, 3]), ints([2, 3])),
    Pad: image("Pad", {}, ints([0, 1, 2, 0, 1, 0, 0, 3])),
    "Pad that cuts off": image("Pad", {}, ints([0, 0, -1, 1, 0, 0, 2, -2])),
    Gather: { shapes: [[7, 3]], f: op("Gather", {}, indices([2, 4], [1, 6, 1, 0, -1, 1, 2, 6])) },
    "Gather of an inner axis": { shapes: [[2, 5, 3]], f: op("Gather", { axis: 1 }, indices([3], [4, 4, -5])) },
    "Gather of one index": { shapes: [[2, 5, 3]], f: op("Gather", { axis: -1 }, indices([], [1])) },
    Resize: {
      shapes: [[2, 3, 2, 3]],
      f: op(
        "Resize",
        { mode: "nearest", nearest_mode: "floor", coordinate_transformation_mode: "asymmetric" },
        undefined,
        floats([1, 1, 2, 3]),
      ),
    },
    "Resize of half pixels to a size": {
      shapes: [[2, 3, 2, 3]],
      f: op("Resize", { mode: "nearest" }, undefined, undefined, ints([2, 3, 6, 6])),
    },
  },
};

describe.each(Object.entries(cases))("gradients of %s against central differences", (_, group) => {
  let errors: Map<string, number[]>;
  beforeAll(async () => {
    errors = await gradientErrors(group);
  });

  it.each(Object.keys(group))("%s", (name) => {
    for (const [operand, error] of (errors.get(name) ?? [Number.NaN]).entries()) {
      expect(error, `relative error for operand ${operand}`).toBeLessThan(tolerance);
    }
  });
});

it("has a checked rule for every operator, or stops there", () => {
  const stopping = ["Equal", "Less", "Greater", "Sign", "Shape", "Size"];
  const internal = ["ScatterElements"];
  const checked = Object.values(cases).flatMap((group) =>
    Object.keys(group).map((name) => name.split(/[ ,]/)[0] as string),
  );
  expect(new Set([...checked, ...stopping])).toEqual(new Set(rules.keys()));
  expect([...operators.keys()].filter((type) => !rules.has(type))).toEqual(internal);
});
