import { type Attributes, apply, apply1, type Dim, ints, Mismatch, type Operator, type Value } from "../value.js";
import { constantNumbers, dimAt, intAttribute, intsAttribute, normalizeAxis, numberAt, required } from "./inference.js";
import { windowedSize } from "./linear.js";

/** Sums, means and pooling windows. */

function reduction(type: string): Operator {
  return {
    type,
    infer: (inputs, attributes) => {
      const x = required(inputs, 0);
      const given = inputs[1] === undefined ? [] : constantNumbers(inputs[1]);
      const all = given.length === 0 && intAttribute(attributes, "noop_with_empty_axes", 0) === 0;
      const axes = new Set(all ? x.shape.keys() : given.map((axis) => normalizeAxis(axis, x.shape.length)));
      const keep = intAttribute(attributes, "keepdims", 1) === 1;
      const shape = x.shape.flatMap((dim, i): Dim[] => (axes.has(i) ? (keep ? [1] : []) : [dim]));
      return [{ dtype: x.dtype, shape }];
    },
  };
}

function pool(type: string): Operator {
  return {
    type,
    infer: (inputs, attributes, outputCount) => {
      const x = required(inputs, 0);
      const kernel = intsAttribute(attributes, "kernel_shape") ?? [];
      if (kernel.length !== x.shape.length - 2) throw new Mismatch(`kernel_shape [${kernel.join(", ")}] does not fit`);
      if (intAttribute(attributes, "ceil_mode", 0) !== 0) throw new Mismatch("ceil_mode is not supported");
      const pads = intsAttribute(attributes, "pads");
      const spatial = kernel.map((width, i) => {
        const padding = (pads?.[i] ?? 0) + (pads?.[i + kernel.length] ?? 0);
        const stride = intsAttribute(attributes, "strides")?.[i] ?? 1;
        return windowedSize(
          numberAt(x, i + 2),
          width,
          stride,
          intsAttribute(attributes, "dilations")?.[i] ?? 1,
          padding,
        );
      });
      const shape = [dimAt(x, 0), dimAt(x, 1), ...spatial];
      // A second output of MaxPool: where in the whole input each maximum was, counted along the flat data.
      return [
        { dtype: x.dtype, shape },
        { dtype: "i64" as const, shape },
      ].slice(0, outputCount);
    },
  };
}

export const reductionOperators = {
  ReduceSum: reduction("ReduceSum"),
  ReduceMean: reduction("ReduceMean"),
  ReduceMax: reduction("ReduceMax"),
  ReduceL2: reduction("ReduceL2"),
  MaxPool: pool("MaxPool"),
  AveragePool: pool("AveragePool"),
  GlobalAveragePool: {
    type: "GlobalAveragePool",
    infer: (inputs) => {
      const x = required(inputs, 0);
      return [{ dtype: x.dtype, shape: x.shape.map((dim, i) => (i < 2 ? dim : 1)) }];
    },
  },
} as const satisfies Record<string, Operator>;

const ops = reductionOperators;

export interface ReduceOptions {
  /** Default: all axes. */
  readonly axes?: readonly number[];
  /** Keep reduced axes with size 1; default false. */
  readonly keepDims?: boolean;
}

const reduce = (operator: Operator, x: Value, { axes, keepDims = false }: ReduceOptions): Value =>
  apply1(operator, axes ? [x, ints(axes)] : [x], { keepdims: keepDims ? 1 : 0 });

export const reduceSum = (x: Value, options: ReduceOptions = {}): Value => reduce(ops.ReduceSum, x, options);
export const reduceMean = (x: Value, options: ReduceOptions = {}): Value => reduce(ops.ReduceMean, x, options);
/** The square root of the sum of squares. */
export const reduceL2 = (x: Value, options: ReduceOptions = {}): Value => reduce(ops.ReduceL2, x, options);

/** Means of windows. x [N, C, ...] -> [N, C, ...]; kernel and stride per spatial axis, no padding. */
export const averagePool = (x: Value, options: { kernel: readonly number[]; stride: readonly number[] }): Value =>
  apply1(ops.AveragePool, [x], { kernel_shape: options.kernel, strides: options.stride });

/** Largest values of windows, as {@link averagePool}. */
export const maxPool = (x: Value, options: { kernel: readonly number[]; stride: readonly number[] }): Value =>
  apply1(ops.MaxPool, [x], { kernel_shape: options.kernel, strides: options.stride });

/** For each window of a MaxPool with these attributes, the place of its maximum in the flat data of x, i64. */
export const maxPoolIndices = (x: Value, attributes: Attributes): Value =>
  apply(ops.MaxPool, [x], attributes, 2)[1] as Value;
