import type { DType } from "./dtype.js";

/**
 * Our dtypes by their safetensors names, in the order in which the reference implementation lays tensors out: by
 * this order, then by name. It is one of falling element size, so every tensor starts at a multiple of its own.
 */
export const safetensorsDTypes: ReadonlyMap<string, DType> = new Map([
  ["I64", "i64"],
  ["F64", "f64"],
  ["F32", "f32"],
  ["I32", "i32"],
  ["BF16", "bf16"],
  ["F16", "f16"],
  ["I8", "i8"],
  ["U8", "u8"],
  ["BOOL", "bool"],
]);
