import { ShapeError } from "../errors.js";
import type { DType } from "../tensor/dtype.js";
import type { Tensor } from "../tensor/tensor.js";

/** A static size, or the name of a size that is known only when the graph runs (in practice the batch). */
export type Dim = number | string;
export type Dims = readonly Dim[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Dims;
}

export type Attribute = number | string | readonly number[] | readonly string[] | Tensor;
/** Attributes of a node. ONNX distinguishes ints from floats; `Float` marks numbers that are floats even when whole. */
export type Attributes = Readonly<Record<string, Attribute | Float | undefined>>;

/** A float attribute (`epsilon`, `alpha`, …). */
export class Float {
  constructor(readonly value: number) {}
}

/** Bytes of a tensor inside a file on disk, as raw little-endian data. */
export interface FileSlice {
  readonly path: string;
  readonly offset: number;
  readonly byteLength: number;
}

/** Where a value comes from. */
export type Origin =
  | { readonly kind: "input" }
  | { readonly kind: "constant"; readonly tensor: Tensor }
  | { readonly kind: "file"; readonly slice: FileSlice }
  | { readonly kind: "node"; readonly node: Node };

/** An edge of the graph: a tensor that will exist when the graph runs. */
export interface Value extends TensorType {
  readonly origin: Origin;
  /** The name of an input or the path of a weight; computed values have none. */
  readonly name?: string;
}

/** One operator applied to values. Graphs are the nodes reachable from their outputs; there is no container. */
export interface Node {
  readonly operator: Operator;
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
}

/** An ONNX operator (opset 21) or one of ONNX Runtime's own (`com.microsoft`), with its shape inference. */
export interface Operator {
  readonly type: string;
  readonly domain?: "com.microsoft";
  /** Types of the outputs. May throw an Error with the reason; `apply` adds operator and operands. */
  infer(inputs: readonly (Value | undefined)[], attributes: Attributes, outputCount: number): readonly TensorType[];
}

/**
 * Applies an operator.
 * @throws ShapeError naming the operator and its operands (with their weight paths) if they do not fit
 */
export function apply(
  operator: Operator,
  inputs: readonly (Value | undefined)[],
  attributes: Attributes = {},
  outputCount = 1,
): readonly Value[] {
  let types: readonly TensorType[];
  try {
    types = operator.infer(inputs, attributes, outputCount);
  } catch (cause) {
    if (!(cause instanceof Mismatch)) throw cause;
    throw new ShapeError(`${operator.type}(${inputs.map(describe).join(", ")}): ${cause.message}`, { cause });
  }
  const outputs: Value[] = [];
  const node: Node = { operator, inputs, attributes, outputs };
  for (const { dtype, shape } of types) outputs.push({ dtype, shape, origin: { kind: "node", node } });
  return outputs;
}

/** Applies an operator that has one output. */
export function apply1(operator: Operator, inputs: readonly (Value | undefined)[], attributes?: Attributes): Value {
  return apply(operator, inputs, attributes)[0] as Value;
}

/** Why operands do not fit; thrown by shape inference, turned into a ShapeError by `apply`. */
export class Mismatch extends Error {}

/** A placeholder that the caller feeds when the graph runs. */
export function input(name: string, dtype: DType, shape: Dims): Value {
  return { name, dtype, shape, origin: { kind: "input" } };
}

/** A tensor stored inside the graph. */
export function constant(tensor: Tensor, name?: string): Value {
  return { name, dtype: tensor.dtype, shape: tensor.shape, origin: { kind: "constant", tensor } };
}

/** A float32 scalar or tensor stored inside the graph. */
export function floats(values: number | readonly number[], shape?: readonly number[]): Value {
  const data = Float32Array.from(typeof values === "number" ? [values] : values);
  return constant({ dtype: "f32", shape: shape ?? (typeof values === "number" ? [] : [data.length]), data });
}

/** An int64 vector stored inside the graph: the form in which ONNX wants shapes, axes and pads. */
export function ints(values: readonly number[]): Value {
  return constant({ dtype: "i64", shape: [values.length], data: BigInt64Array.from(values, BigInt) });
}

/** `f32 [1, 320, 64, 64]`, with the name where there is one. */
export function describe(value: Value | undefined): string {
  if (value === undefined) return "–";
  return `${value.name ? `${value.name} ` : ""}${value.dtype} [${value.shape.join(", ")}]`;
}

/** The static sizes of a value. @throws Mismatch if a size is symbolic */
export function staticShape(value: TensorType): number[] {
  return value.shape.map((dim) => {
    if (typeof dim !== "number") throw new Mismatch(`size "${dim}" must be known`);
    return dim;
  });
}

/** The static size of one axis (negative counts from the end). @throws ShapeError if it is symbolic or absent */
export function size(value: Value, axis: number): number {
  const dim = value.shape.at(axis);
  if (typeof dim !== "number") throw new ShapeError(`axis ${axis} of ${describe(value)} has no static size`);
  return dim;
}
