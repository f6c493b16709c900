/** Element types. The names are ours; safetensors and ONNX names are mapped where those formats are read. */
export const dtypes = ["f32", "f16", "bf16", "f64", "i64", "i32", "u8", "i8", "bool"] as const;
export type DType = (typeof dtypes)[number];

/** The typed array that holds each dtype. f16 and bf16 hold raw 16-bit patterns; bool holds 0 or 1. */
export interface TypedArrays {
  f32: Float32Array;
  f16: Uint16Array;
  bf16: Uint16Array;
  f64: Float64Array;
  i64: BigInt64Array;
  i32: Int32Array;
  u8: Uint8Array;
  i8: Int8Array;
  bool: Uint8Array;
}

const arrayTypes = {
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  f64: Float64Array,
  i64: BigInt64Array,
  i32: Int32Array,
  u8: Uint8Array,
  i8: Int8Array,
  bool: Uint8Array,
} as const;

/** Size of one element in bytes. */
export function bytesPerElement(dtype: DType): number {
  return arrayTypes[dtype].BYTES_PER_ELEMENT;
}

/** A zero-filled array for `length` elements of `dtype`. */
export function allocate<D extends DType>(dtype: D, length: number): TypedArrays[D] {
  return new arrayTypes[dtype](length) as TypedArrays[D];
}

/** The bytes as elements of `dtype`: a view, or a copy when their offset is not aligned. */
export function viewBytes<D extends DType>(dtype: D, bytes: Uint8Array): TypedArrays[D] {
  const type = arrayTypes[dtype];
  // Not `slice`, which for a Buffer is a view at the same offset.
  const aligned = bytes.byteOffset % type.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new type(
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    aligned.byteLength / type.BYTES_PER_ELEMENT,
  ) as TypedArrays[D];
}
