import { TensorProto_DataType as OnnxType } from "onnx-buf";
import { CheckpointError } from "../errors.js";
import { type DType, viewBytes } from "../tensor/dtype.js";

/** ONNX's element types and ours. */
const onnxTypes = {
  f32: OnnxType.FLOAT,
  f16: OnnxType.FLOAT16,
  bf16: OnnxType.BFLOAT16,
  f64: OnnxType.DOUBLE,
  i64: OnnxType.INT64,
  i32: OnnxType.INT32,
  u8: OnnxType.UINT8,
  i8: OnnxType.INT8,
  bool: OnnxType.BOOL,
} as const satisfies Record<DType, OnnxType>;

const ourTypes = new Map<number, DType>(Object.entries(onnxTypes).map(([dtype, type]) => [type, dtype as DType]));

export const toOnnxType = (dtype: DType): OnnxType => onnxTypes[dtype];

/** @throws CheckpointError for strings, complex numbers, 4- and 8-bit floats and other types that we do not handle */
export function fromOnnxType(type: number, where: string): DType {
  const dtype = ourTypes.get(type);
  if (!dtype) throw new CheckpointError(`${where}: element type ${OnnxType[type] ?? type} is not supported`);
  return dtype;
}

/** Elements of little-endian raw bytes, refused when their number is not `count`. */
export function fromRawBytes(dtype: DType, count: number, bytes: Uint8Array, where: string) {
  const expected = count * viewBytes(dtype, new Uint8Array(0)).BYTES_PER_ELEMENT;
  if (bytes.byteLength !== expected) {
    throw new CheckpointError(`${where}: ${bytes.byteLength} bytes of data, expected ${expected}`);
  }
  return viewBytes(dtype, bytes);
}
