import { ShapeError } from "../errors.js";
import { allocate, bytesPerElement, type DType, type TypedArrays } from "./dtype.js";

export type Shape = readonly number[];

/** A dense, row-major array in memory. Plain data: it can be posted between threads. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: TypedArrays[D];
}

/** Number of elements of a shape; 1 for a scalar (`[]`). */
export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Wraps an array as a tensor without copying.
 * @throws ShapeError if the array's length is not the shape's element count
 */
export function tensor<D extends DType>(dtype: D, shape: Shape, data: TypedArrays[D]): Tensor<D> {
  if (data.length !== elementCount(shape)) {
    throw new ShapeError(`tensor: ${data.length} elements do not fill shape [${shape.join(", ")}]`);
  }
  return { dtype, shape, data };
}

/** A tensor of zeros. */
export function zeros<D extends DType>(dtype: D, shape: Shape): Tensor<D> {
  return { dtype, shape, data: allocate(dtype, elementCount(shape)) };
}

/** A float32 tensor from plain numbers. */
export function f32(shape: Shape, values: ArrayLike<number>): Tensor<"f32"> {
  return tensor("f32", shape, values instanceof Float32Array ? values : Float32Array.from(values));
}

/** Bytes that a tensor takes, or undefined when that is beyond what a number holds exactly. */
export function byteLengthOf(dtype: DType, shape: Shape): number | undefined {
  let bytes = bytesPerElement(dtype);
  for (const size of shape) {
    bytes *= size;
    if (!Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}
