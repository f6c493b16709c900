import { apply1, type Dim, Float, Mismatch, type Operator, type Value } from "../value.js";
import {
  broadcast,
  dimAt,
  intAttribute,
  intsAttribute,
  numberAt,
  required,
  requireRank,
  sameDType,
} from "./inference.js";

/** Products and convolutions: where the time goes. */

const matMul = (type: string, domain?: "com.microsoft"): Operator => ({
  type,
  domain,
  infer: (inputs, attributes) => {
    const [a, b] = [required(inputs, 0), required(inputs, 1)];
    sameDType(a, b);
    if (a.shape.length < 2 || b.shape.length < 2) throw new Mismatch("both operands need at least two axes");
    const [transA, transB] = [intAttribute(attributes, "transA", 0), intAttribute(attributes, "transB", 0)];
    const [m, k] = transA ? [dimAt(a, -1), dimAt(a, -2)] : [dimAt(a, -2), dimAt(a, -1)];
    const [k2, n] = transB ? [dimAt(b, -1), dimAt(b, -2)] : [dimAt(b, -2), dimAt(b, -1)];
    if (k !== k2) throw new Mismatch(`inner sizes ${k} and ${k2} differ`);
    return [{ dtype: a.dtype, shape: [...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n] }];
  },
});

/** Output size of one spatial axis of a convolution or pooling window. */
export function windowedSize(size: number, kernel: number, stride: number, dilation: number, padding: number): number {
  const result = Math.floor((size + padding - dilation * (kernel - 1) - 1) / stride) + 1;
  if (result < 1) throw new Mismatch(`a kernel of ${kernel} does not fit into ${size} elements`);
  return result;
}

export const linearOperators = {
  MatMul: matMul("MatMul"),
  FusedMatMul: matMul("FusedMatMul", "com.microsoft"),
  /** `alpha A B + beta C` of matrices: the product's shape, since C only broadcasts into it. */
  Gemm: matMul("Gemm"),
  Conv: {
    type: "Conv",
    infer: (inputs, attributes) => {
      const [x, weight] = [required(inputs, 0), required(inputs, 1)];
      sameDType(x, weight);
      requireRank(x, weight.shape.length);
      const group = intAttribute(attributes, "group", 1);
      const [channels, perGroup] = [numberAt(x, 1), numberAt(weight, 1)];
      if (channels !== perGroup * group) {
        throw new Mismatch(`the input has ${channels} channels, the weight expects ${perGroup * group}`);
      }
      const bias = inputs[2];
      if (bias && (bias.shape.length !== 1 || bias.shape[0] !== dimAt(weight, 0))) {
        throw new Mismatch(`${dimAt(weight, 0)} output channels, but a bias [${bias.shape.join(", ")}]`);
      }
      const spatial = x.shape.slice(2).map((dim, i): Dim => {
        if (typeof dim !== "number") throw new Mismatch(`spatial size "${dim}" must be known`);
        const pads = intsAttribute(attributes, "pads");
        const padding = (pads?.[i] ?? 0) + (pads?.[i + x.shape.length - 2] ?? 0);
        const stride = intsAttribute(attributes, "strides")?.[i] ?? 1;
        return windowedSize(
          dim,
          numberAt(weight, i + 2),
          stride,
          intsAttribute(attributes, "dilations")?.[i] ?? 1,
          padding,
        );
      });
      return [{ dtype: x.dtype, shape: [dimAt(x, 0), dimAt(weight, 0), ...spatial] }];
    },
  },
  ConvTranspose: {
    type: "ConvTranspose",
    infer: (inputs, attributes) => {
      const [x, weight] = [required(inputs, 0), required(inputs, 1)];
      sameDType(x, weight);
      requireRank(x, weight.shape.length);
      if (dimAt(x, 1) !== dimAt(weight, 0)) {
        throw new Mismatch(`the input has ${dimAt(x, 1)} channels, the weight expects ${dimAt(weight, 0)}`);
      }
      const rank = x.shape.length - 2;
      const spatial = Array.from({ length: rank }, (_, i) => {
        const pads = intsAttribute(attributes, "pads");
        const padding = (pads?.[i] ?? 0) + (pads?.[i + rank] ?? 0);
        const stride = intsAttribute(attributes, "strides")?.[i] ?? 1;
        const dilation = intsAttribute(attributes, "dilations")?.[i] ?? 1;
        const extra = intsAttribute(attributes, "output_padding")?.[i] ?? 0;
        return stride * (numberAt(x, i + 2) - 1) + extra + dilation * (numberAt(weight, i + 2) - 1) + 1 - padding;
      });
      return [
        {
          dtype: x.dtype,
          shape: [dimAt(x, 0), numberAt(weight, 1) * intAttribute(attributes, "group", 1), ...spatial],
        },
      ];
    },
  },
  MultiHeadAttention: {
    type: "MultiHeadAttention",
    domain: "com.microsoft",
    infer: (inputs, attributes) => {
      const [q, k, v] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
      sameDType(q, k, v);
      for (const operand of [q, k, v]) requireRank(operand, 3);
      const heads = intAttribute(attributes, "num_heads", 1);
      if (dimAt(q, 2) !== dimAt(k, 2))
        throw new Mismatch(`query and key widths ${dimAt(q, 2)} and ${dimAt(k, 2)} differ`);
      if (dimAt(k, 1) !== dimAt(v, 1)) throw new Mismatch(`${dimAt(k, 1)} keys but ${dimAt(v, 1)} values`);
      if (numberAt(q, 2) % heads !== 0) throw new Mismatch(`width ${dimAt(q, 2)} is not divisible by ${heads} heads`);
      return [{ dtype: q.dtype, shape: [dimAt(q, 0), dimAt(q, 1), dimAt(v, 2)] }];
    },
  },
} as const satisfies Record<string, Operator>;

const ops = linearOperators;

/** Batched matrix product `a @ b`. */
export const matmul = (a: Value, b: Value): Value => apply1(ops.MatMul, [a, b]);

export interface ProductOptions {
  /** Take the transpose (of the last two axes) of the first operand. */
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Factor on the product; default 1. */
  readonly alpha?: number;
}

/** Batched matrix product `alpha op(a) @ op(b)`; the transposed operands are not written out. */
export function product(a: Value, b: Value, { transA, transB, alpha = 1 }: ProductOptions = {}): Value {
  if (!transA && !transB && alpha === 1) return matmul(a, b);
  return apply1(ops.FusedMatMul, [a, b], {
    transA: transA ? 1 : 0,
    transB: transB ? 1 : 0,
    alpha: new Float(alpha),
  });
}

export interface ConvOptions {
  /** Same on both axes; default 1. */
  readonly stride?: number;
  /** Zeros added on every side, or [top, left, bottom, right]; default 0. */
  readonly padding?: number | readonly [number, number, number, number];
  readonly groups?: number;
}

/** 2-D convolution. x [N, C, H, W], weight [O, C/groups, kH, kW], bias [O] -> [N, O, H', W']. */
export function conv(x: Value, weight: Value, bias: Value | undefined, options: ConvOptions = {}): Value {
  const { stride = 1, padding = 0, groups = 1 } = options;
  const pads = typeof padding === "number" ? [padding, padding, padding, padding] : padding;
  return apply1(ops.Conv, bias ? [x, weight, bias] : [x, weight], { strides: [stride, stride], pads, group: groups });
}

/** A convolution's geometry, one number per spatial axis. */
export interface ConvolutionWindow {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Zeros before the first and after the last position of each axis. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly group: number;
}

const windowAttributes = ({ strides, dilations, before, after, group }: ConvolutionWindow) => ({
  strides,
  dilations,
  pads: [...before, ...after],
  group,
});

/** Convolution over any number of spatial axes. x [N, C, ...], weight [O, C/group, ...] -> [N, O, ...]. */
export const convolution = (x: Value, weight: Value, window: ConvolutionWindow): Value =>
  apply1(ops.Conv, [x, weight], windowAttributes(window));

/**
 * Transposed convolution. x [N, O, ...], weight [O, C/group, ...] -> [N, C, ...].
 * @param outputPadding positions at the end of each axis that a strided convolution would not have reached
 */
export const convTranspose = (
  x: Value,
  weight: Value,
  { outputPadding, ...window }: ConvolutionWindow & { readonly outputPadding: readonly number[] },
): Value => apply1(ops.ConvTranspose, [x, weight], { ...windowAttributes(window), output_padding: outputPadding });

export interface AttentionOptions {
  readonly heads: number;
  /** Position i attends to positions <= i only. */
  readonly causal?: boolean;
  /** Factor on the logits; default 1 / sqrt(head width). */
  readonly scale?: number;
}

/**
 * Multi-head scaled dot-product attention on packed heads, without a buffer of tokens x tokens.
 * Source: Vaswani 2017 eq. 1.
 * @param q queries [N, T, heads * width]; k keys and v values [N, S, heads * width]
 * @returns [N, T, heads * width]
 */
export function attention(q: Value, k: Value, v: Value, options: AttentionOptions): Value {
  return apply1(ops.MultiHeadAttention, [q, k, v], {
    num_heads: options.heads,
    unidirectional: options.causal ? 1 : undefined,
    scale: options.scale === undefined ? undefined : new Float(options.scale),
  });
}
