import { concat, expand, type ProductOptions, product, reshape, split, transpose } from "../operators/index.js";
import { constantNumbers, intAttribute } from "../operators/inference.js";
import { type Attributes, floats, type Node, size, type Value } from "../value.js";

/** Operands of a node whose operands passed shape inference: those that its operator requires are there. */
export type Operands = readonly [Value, Value, Value, ...(Value | undefined)[]];

/** A node of the loss's graph, as its rule sees it. */
export interface Backward {
  /** Gradient of the loss by the first output, in that output's shape. */
  readonly dy: Value;
  /** The same for every output; undefined where the loss does not depend on it. */
  readonly dys: readonly (Value | undefined)[];
  /** First output. */
  readonly y: Value;
  /** Operands. */
  readonly x: Operands;
  readonly attributes: Attributes;
}

/**
 * Gradients of the loss by each operand of a node; undefined for operands through which nothing flows. A gradient may
 * have the shape that its operand is broadcast to: the walk sums it back. What nobody asks for is never computed, since
 * only nodes that an output depends on are exported; so rules give all gradients that they can.
 */
export type Rule = (node: Backward) => readonly (Value | undefined)[];

/** A shape whose sizes are all known; the walk has made sure of it. */
export const sizes = (value: Value): number[] => value.shape.map((_, axis) => size(value, axis));

export const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** A float32 tensor of one repeated value, written out when the graph runs. */
export const filled = (value: number, shape: readonly number[]): Value => expand(floats(value), shape);

/** The axes that a reduction or normalization names in its second operand; all of them if it names none. */
export function namedAxes(x: Value, axes: Value | undefined): number[] {
  const named = axes ? constantNumbers(axes) : [];
  return (named.length > 0 ? named : [...x.shape.keys()]).map((axis) => positiveAxis(x, axis));
}

export const positiveAxis = (x: Value, axis: number): number => (axis < 0 ? axis + x.shape.length : axis);

export const axisOf = (x: Value, attributes: Attributes, fallback: number): number =>
  positiveAxis(x, intAttribute(attributes, "axis", fallback));

/** `shape` with the size 1 on every axis of `axes`. */
export const keptAxes = (shape: readonly number[], axes: readonly number[]): number[] =>
  shape.map((width, axis) => (axes.includes(axis) ? 1 : width));

/** Sizes of groups, as equal as can be, of at most `limit` (but at least one) that make up `total`. */
export function evenly(total: number, limit: number): number[] {
  const groups = Math.ceil(total / Math.max(1, limit));
  const until = (i: number) => Math.floor((i * total) / groups);
  return Array.from({ length: groups }, (_, i) => until(i + 1) - until(i));
}

/** `split`, without an effect where there is one part. */
export const splitInto = (x: Value, parts: readonly number[], axis: number): readonly Value[] =>
  parts.length === 1 ? [x] : split(x, parts, axis);

/** `concat`, without an effect on a single part. */
export const joined = (parts: readonly Value[], axis: number): Value =>
  parts.length === 1 ? (parts[0] as Value) : concat(parts, axis);

/** The node that computes a value, if it is of that type and has no other output. */
export function producer(value: Value, ...types: readonly string[]): Node | undefined {
  if (value.origin.kind !== "node") return undefined;
  const { node } = value.origin;
  return types.includes(node.operator.type) && node.outputs.length === 1 ? node : undefined;
}

/** Whether a node exchanges the last two axes and leaves the others. */
export function swapsLastAxes({ attributes, inputs }: Node): boolean {
  const rank = inputs[0]?.shape.length ?? 0;
  const perm =
    (attributes.perm as readonly number[] | undefined) ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  return rank >= 2 && perm.every((axis, i) => axis === (i < rank - 2 ? i : 2 * rank - 3 - i));
}

/** `alpha op(a) @ op(b)`, reading operands that are themselves transposes untransposed. */
export function multiply(a: Value, b: Value, { transA = false, transB = false, alpha }: ProductOptions = {}): Value {
  const [left, swapA] = untransposed(a);
  const [right, swapB] = untransposed(b);
  return product(left, right, { transA: transA !== swapA, transB: transB !== swapB, alpha });
}

function untransposed(value: Value): [Value, boolean] {
  const node = producer(value, "Transpose");
  return node && swapsLastAxes(node) ? [node.inputs[0] as Value, true] : [value, false];
}

/**
 * The inverse of a transpose. The gradient of a linear layer's weight is a product that has just been written; its
 * transpose is the product of its operands in the other order, and saves a pass over the weight.
 */
export function transposeBack(dy: Value, node: Pick<Node, "attributes" | "inputs">): Value {
  const rank = dy.shape.length;
  const perm =
    (node.attributes.perm as readonly number[] | undefined) ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const factors = rank === 2 && perm[0] === 1 ? producer(dy, "MatMul", "FusedMatMul") : undefined;
  if (!factors) return transpose(dy, inverse(perm));
  const [a, b] = factors.inputs as [Value, Value];
  const flag = (name: string) => intAttribute(factors.attributes, name, 0) === 1;
  return product(b, a, { transA: !flag("transB"), transB: !flag("transA"), alpha: alphaOf(factors.attributes) });
}

/** The float attribute `alpha` of a product, 1 where there is none. */
export function alphaOf(attributes: Attributes): number {
  const { alpha } = attributes;
  return typeof alpha === "object" && "value" in alpha ? alpha.value : 1;
}

/** The permutation that undoes `perm`. */
export const inverse = (perm: readonly number[]): number[] => perm.map((_, axis) => perm.indexOf(axis));

/** Without an effect on a value that has the shape already. */
export const reshapeTo = (x: Value, shape: readonly number[]): Value =>
  x.shape.length === shape.length && shape.every((width, i) => width === x.shape[i]) ? x : reshape(x, shape);

/** A constant that is one number repeated. */
export function uniformConstant(value: Value): number | undefined {
  if (value.origin.kind !== "constant") return undefined;
  const { data } = value.origin.tensor;
  return data.every((item: number | bigint) => item === data[0]) ? Number(data[0]) : undefined;
}
