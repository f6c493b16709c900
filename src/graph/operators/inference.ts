import { type Attributes, type Dim, type Dims, Float, Mismatch, type TensorType, type Value } from "../value.js";

/** Small helpers that the shape inference rules share. Each throws `Mismatch` with a reason. */

export function required(inputs: readonly (Value | undefined)[], index: number): Value {
  const value = inputs[index];
  if (value === undefined) throw new Mismatch(`operand ${index} is missing`);
  return value;
}

export function sameDType(...values: readonly TensorType[]): void {
  const first = values[0];
  const other = values.find((value) => value.dtype !== first?.dtype);
  if (other) throw new Mismatch(`dtypes ${first?.dtype} and ${other.dtype} differ; cast one of them`);
}

export function requireRank(value: TensorType, rank: number): void {
  if (value.shape.length !== rank) throw new Mismatch(`expected rank ${rank}, found [${value.shape.join(", ")}]`);
}

/** A dimension from the end that exists. */
export function dimAt(value: TensorType, axis: number): Dim {
  const dim = value.shape.at(axis);
  if (dim === undefined) throw new Mismatch(`[${value.shape.join(", ")}] has no axis ${axis}`);
  return dim;
}

export function numberAt(value: TensorType, axis: number): number {
  const dim = dimAt(value, axis);
  if (typeof dim !== "number") throw new Mismatch(`size "${dim}" of axis ${axis} must be known`);
  return dim;
}

/** Axis in [0, rank). */
export function normalizeAxis(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
    throw new Mismatch(`axis ${axis} is outside a tensor of rank ${rank}`);
  }
  return positive;
}

/** NumPy broadcasting; a symbol broadcasts with itself and with 1. */
export function broadcast(...shapes: readonly Dims[]): Dims {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    let result: Dim = 1;
    for (const shape of shapes) {
      const dim = shape[i - rank + shape.length] ?? 1;
      if (dim === 1 || dim === result) continue;
      if (result !== 1) throw new Mismatch(`sizes ${result} and ${dim} do not broadcast`);
      result = dim;
    }
    return result;
  });
}

export function intAttribute(attributes: Attributes, name: string, fallback: number): number {
  const value = attributes[name];
  return typeof value === "number" ? value : fallback;
}

export function floatAttribute(attributes: Attributes, name: string, fallback: number): number {
  const value = attributes[name];
  return value instanceof Float ? value.value : fallback;
}

export function intsAttribute(attributes: Attributes, name: string): readonly number[] | undefined {
  const value = attributes[name];
  return Array.isArray(value) ? (value as readonly number[]) : undefined;
}

/** The numbers of a constant operand such as a shape or a list of axes. */
export function constantNumbers(value: Value): number[] {
  if (value.origin.kind !== "constant") throw new Mismatch(`${value.name ?? "operand"} must be a constant`);
  return Array.from(value.origin.tensor.data as ArrayLike<number | bigint>, Number);
}
