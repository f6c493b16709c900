import { ShapeError } from "../../errors.js";
import {
  apply,
  apply1,
  type Dim,
  type Dims,
  describe,
  floats,
  ints,
  Mismatch,
  type Operator,
  type Value,
} from "../value.js";
import {
  broadcast,
  constantNumbers,
  dimAt,
  intAttribute,
  intsAttribute,
  normalizeAxis,
  numberAt,
  required,
  requireRank,
  sameDType,
} from "./inference.js";

/** Operators that move elements about without computing on them. */

/** So many times a size; of a symbol, what {@link reshape} knows as its multiple. */
export function times(count: number, dim: Dim): Dim {
  if (typeof dim === "number") return count * dim;
  return count === 1 ? dim : `${count}*${dim}`;
}

/** Product of the static sizes, and the symbols that multiply it. A multiple of a symbol is a size such as `64*batch`. */
function volume(shape: Dims): { count: number; symbols: readonly string[] } {
  const factors = shape.flatMap((dim) => `${dim}`.split("*"));
  const symbols = factors.filter((factor) => Number.isNaN(Number(factor)));
  return { count: factors.reduce((n, factor) => (symbols.includes(factor) ? n : n * Number(factor)), 1), symbols };
}

/** Resolves ONNX's 0 (copy) and -1 (whatever is left) against the input's shape. */
function reshaped(from: Dims, target: readonly number[]): Dims {
  const known = target.map((dim, i): Dim => (dim === 0 ? (from[i] ?? 0) : dim));
  const input = volume(from);
  const output = volume(known.filter((dim) => dim !== -1));
  const leftSymbols = input.symbols.filter((symbol) => !output.symbols.includes(symbol));
  const ratio = input.count / output.count;
  if (!known.includes(-1)) {
    if (ratio !== 1 || leftSymbols.length > 0)
      throw new Mismatch(`[${from.join(", ")}] does not fill [${known.join(", ")}]`);
    return known;
  }
  if (leftSymbols.length === 0 && Number.isInteger(ratio)) return known.map((dim) => (dim === -1 ? ratio : dim));
  if (leftSymbols.length === 1 && Number.isInteger(ratio))
    return known.map((dim) => (dim === -1 ? times(ratio, leftSymbols[0] as string) : dim));
  throw new Mismatch(`[${from.join(", ")}] does not fill [${known.join(", ")}]`);
}

/** Sizes of a slice of one axis, as ONNX clamps its bounds. */
function sliceLength(size: number, start: number, end: number, step: number): number {
  if (step < 1) throw new Mismatch(`slice step ${step}: only positive steps are supported`);
  const clamp = (bound: number) => Math.min(Math.max(bound < 0 ? bound + size : bound, 0), size);
  return Math.max(0, Math.ceil((clamp(end) - clamp(start)) / step));
}

export const shapeOperators = {
  Reshape: {
    type: "Reshape",
    infer: (inputs, attributes) => {
      const x = required(inputs, 0);
      if (intAttribute(attributes, "allowzero", 0) !== 0) throw new Mismatch("allowzero is not supported");
      return [{ dtype: x.dtype, shape: reshaped(x.shape, constantNumbers(required(inputs, 1))) }];
    },
  },
  Flatten: {
    type: "Flatten",
    infer: (inputs, attributes) => {
      const x = required(inputs, 0);
      const axis = intAttribute(attributes, "axis", 1);
      const tail = volume(x.shape.slice(axis));
      const head = volume(x.shape.slice(0, axis));
      if (tail.symbols.length > 0 || (head.symbols.length > 0 && head.count !== 1)) {
        throw new Mismatch("a symbolic size cannot be multiplied");
      }
      return [{ dtype: x.dtype, shape: [head.symbols[0] ?? head.count, tail.count] }];
    },
  },
  Transpose: {
    type: "Transpose",
    infer: (inputs, attributes) => {
      const x = required(inputs, 0);
      const perm = intsAttribute(attributes, "perm") ?? x.shape.map((_, i) => x.shape.length - 1 - i);
      if (perm.length !== x.shape.length || new Set(perm).size !== perm.length) {
        throw new Mismatch(`[${perm.join(", ")}] is not a permutation of ${x.shape.length} axes`);
      }
      return [{ dtype: x.dtype, shape: perm.map((axis) => dimAt(x, axis)) }];
    },
  },
  Concat: {
    type: "Concat",
    infer: (inputs, attributes) => {
      const parts = inputs.map((_, i) => required(inputs, i));
      const first = required(inputs, 0);
      sameDType(...parts);
      const axis = normalizeAxis(intAttribute(attributes, "axis", 0), first.shape.length);
      for (const part of parts) {
        requireRank(part, first.shape.length);
        const other = part.shape.findIndex((dim, i) => i !== axis && dim !== first.shape[i]);
        if (other >= 0)
          throw new Mismatch(`sizes ${first.shape[other]} and ${part.shape[other]} of axis ${other} differ`);
      }
      const total = parts.reduce((sum, part) => sum + numberAt(part, axis), 0);
      return [{ dtype: first.dtype, shape: first.shape.with(axis, total) }];
    },
  },
  Split: {
    type: "Split",
    infer: (inputs, attributes, outputCount) => {
      const x = required(inputs, 0);
      const axis = normalizeAxis(intAttribute(attributes, "axis", 0), x.shape.length);
      const total = numberAt(x, axis);
      const sizes = inputs[1] ? constantNumbers(inputs[1]) : Array<number>(outputCount).fill(total / outputCount);
      if (sizes.reduce((a, b) => a + b, 0) !== total || !sizes.every(Number.isInteger)) {
        throw new Mismatch(`axis ${axis} of ${total} elements does not split into [${sizes.join(", ")}]`);
      }
      return sizes.map((size) => ({ dtype: x.dtype, shape: x.shape.with(axis, size) }));
    },
  },
  Slice: {
    type: "Slice",
    infer: (inputs) => {
      const x = required(inputs, 0);
      const [starts, ends] = [constantNumbers(required(inputs, 1)), constantNumbers(required(inputs, 2))];
      const axes = inputs[3] ? constantNumbers(inputs[3]) : starts.map((_, i) => i);
      const steps = inputs[4] ? constantNumbers(inputs[4]) : starts.map(() => 1);
      let shape: Dims = x.shape;
      axes.forEach((given, i) => {
        const axis = normalizeAxis(given, shape.length);
        shape = shape.with(axis, sliceLength(numberAt(x, axis), starts[i] ?? 0, ends[i] ?? 0, steps[i] ?? 1));
      });
      return [{ dtype: x.dtype, shape }];
    },
  },
  Gather: {
    type: "Gather",
    infer: (inputs, attributes) => {
      const [data, indices] = [required(inputs, 0), required(inputs, 1)];
      const axis = normalizeAxis(intAttribute(attributes, "axis", 0), data.shape.length);
      const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
      return [{ dtype: data.dtype, shape }];
    },
  },
  ScatterElements: {
    type: "ScatterElements",
    infer: (inputs) => {
      const [data, indices, updates] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
      sameDType(data, updates);
      requireRank(indices, data.shape.length);
      requireRank(updates, data.shape.length);
      if (indices.shape.some((dim, i) => dim !== updates.shape[i])) {
        throw new Mismatch(`indices [${indices.shape.join(", ")}] for updates [${updates.shape.join(", ")}]`);
      }
      return [data];
    },
  },
  Unsqueeze: {
    type: "Unsqueeze",
    infer: (inputs) => {
      const x = required(inputs, 0);
      const given = constantNumbers(required(inputs, 1));
      const axes = new Set(given.map((axis) => normalizeAxis(axis, x.shape.length + given.length)));
      const rest = x.shape.values();
      const shape = Array.from(
        { length: x.shape.length + given.length },
        (_, i): Dim => (axes.has(i) ? 1 : (rest.next().value as Dim)),
      );
      return [{ dtype: x.dtype, shape }];
    },
  },
  Squeeze: {
    type: "Squeeze",
    infer: (inputs) => {
      const x = required(inputs, 0);
      const given = inputs[1] ? constantNumbers(inputs[1]) : [...x.shape.keys()].filter((i) => x.shape[i] === 1);
      const axes = new Set(given.map((axis) => normalizeAxis(axis, x.shape.length)));
      const kept = [...axes].find((axis) => x.shape[axis] !== 1);
      if (kept !== undefined) throw new Mismatch(`axis ${kept} has ${x.shape[kept]} elements and cannot be dropped`);
      return [{ dtype: x.dtype, shape: x.shape.filter((_, i) => !axes.has(i)) }];
    },
  },
  Expand: {
    type: "Expand",
    infer: (inputs) => {
      const x = required(inputs, 0);
      return [{ dtype: x.dtype, shape: broadcast(x.shape, constantNumbers(required(inputs, 1))) }];
    },
  },
  Pad: {
    type: "Pad",
    infer: (inputs) => {
      const x = required(inputs, 0);
      const pads = constantNumbers(required(inputs, 1));
      const rank = x.shape.length;
      if (pads.length !== 2 * rank) throw new Mismatch(`${pads.length} pads for ${rank} axes; expected two per axis`);
      const shape = x.shape.map((dim, i): Dim => {
        const padding = (pads[i] ?? 0) + (pads[i + rank] ?? 0);
        return padding === 0 ? dim : numberAt(x, i) + padding;
      });
      return [{ dtype: x.dtype, shape }];
    },
  },
  Resize: {
    type: "Resize",
    infer: (inputs) => {
      const x = required(inputs, 0);
      const sizes = inputs[3] && constantNumbers(inputs[3]);
      const scales = inputs[2] && constantNumbers(inputs[2]);
      const shape = x.shape.map((dim, i): Dim => {
        if (sizes) return sizes[i] ?? dim;
        const scale = scales?.[i] ?? 1;
        return scale === 1 ? dim : Math.floor(numberAt(x, i) * scale);
      });
      return [{ dtype: x.dtype, shape }];
    },
  },
  Size: { type: "Size", infer: () => [{ dtype: "i64", shape: [] }] },
  Shape: { type: "Shape", infer: (inputs) => [{ dtype: "i64", shape: [required(inputs, 0).shape.length] }] },
} as const satisfies Record<string, Operator>;

const ops = shapeOperators;

/**
 * Gives the elements another shape. One size may be a symbol of the input's shape (the batch), or a multiple of it.
 * @throws ShapeError if the element counts differ
 */
export function reshape(x: Value, shape: Dims): Value {
  const target = shape.map((dim) => (typeof dim === "number" ? dim : -1));
  const result = apply1(ops.Reshape, [x, ints(target)]);
  if (shape.some((dim, i) => typeof dim === "string" && dim !== result.shape[i]))
    throw new ShapeError(`Reshape: ${describe(x)} does not fill [${shape.join(", ")}]`);
  return result;
}

export const transpose = (x: Value, perm: readonly number[]): Value => apply1(ops.Transpose, [x], { perm });
export const concat = (parts: readonly Value[], axis: number): Value => apply1(ops.Concat, parts, { axis });
export const gather = (data: Value, indices: Value, axis = 0): Value => apply1(ops.Gather, [data, indices], { axis });
export const unsqueeze = (x: Value, axes: readonly number[]): Value => apply1(ops.Unsqueeze, [x, ints(axes)]);
export const squeeze = (x: Value, axes: readonly number[]): Value => apply1(ops.Squeeze, [x, ints(axes)]);

/** Splits an axis into parts of the given sizes. */
export const split = (x: Value, sizes: readonly number[], axis: number): readonly Value[] =>
  apply(ops.Split, [x, ints(sizes)], { axis }, sizes.length);

/** Elements [start, end) of one axis. */
export const slice = (x: Value, axis: number, start: number, end: number): Value =>
  apply1(ops.Slice, [x, ints([start]), ints([end]), ints([axis])]);

/** Repeats axes of size 1 (and new leading ones) up to `shape`. */
export const expand = (x: Value, shape: readonly number[]): Value => apply1(ops.Expand, [x, ints(shape)]);

/** Adds each update to the element of `data` whose index along `axis` is given; the other indices are its own. */
export const scatterAdd = (data: Value, indices: Value, updates: Value, axis: number): Value =>
  apply1(ops.ScatterElements, [data, indices, updates], { axis, reduction: "add" });

/** The number of elements, i64 []. */
export const elements = (x: Value): Value => apply1(ops.Size, [x]);

/** `counts` elements of each of `axes`, `steps` apart, from `starts` on. */
export const strided = (
  x: Value,
  axes: readonly number[],
  starts: readonly number[],
  counts: readonly number[],
  steps: readonly number[],
): Value => {
  const ends = starts.map((start, i) => start + ((counts[i] as number) - 1) * (steps[i] as number) + 1);
  return apply1(ops.Slice, [x, ints(starts), ints(ends), ints(axes), ints(steps)]);
};

/** Zeros before and after each axis (negative: elements cut off): pads = [begin of every axis..., end of every axis...]. */
export const pad = (x: Value, pads: readonly number[]): Value => apply1(ops.Pad, [x, ints(pads)], { mode: "constant" });

/** Repeats every pixel `factor` times on both axes. x [N, C, H, W] -> [N, C, factor H, factor W]. */
export const upsampleNearest = (x: Value, factor: number): Value =>
  apply1(ops.Resize, [x, undefined, floats([1, 1, factor, factor])], {
    mode: "nearest",
    nearest_mode: "floor",
    coordinate_transformation_mode: "asymmetric",
  });
