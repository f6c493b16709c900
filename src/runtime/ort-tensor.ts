import type { Tensor as OrtTensor, TypedTensor } from "onnxruntime-node";
import { InputError } from "../errors.js";
import type { DType } from "../tensor/dtype.js";
import type { Tensor } from "../tensor/tensor.js";
import type { OnnxRuntime } from "./onnxruntime.js";

/**
 * ONNX Runtime's names for our element types. Its Node binding cannot pass bf16 in or out of a graph (weights inside
 * one may be bf16), nor the types that are absent here.
 */
const ortTypes = {
  f32: "float32",
  f16: "float16",
  f64: "float64",
  i64: "int64",
  i32: "int32",
  u8: "uint8",
  i8: "int8",
  bool: "bool",
} as const satisfies Partial<Record<DType, OrtTensor.Type>>;

const ourTypes = new Map<string, DType>(Object.entries(ortTypes).map(([dtype, type]) => [type, dtype as DType]));

/** @throws InputError if values of the type cannot leave or enter a graph */
export function fromOrtType(type: string, name: string): DType {
  const dtype = ourTypes.get(type);
  if (!dtype) throw new InputError(`"${name}" has element type ${type}, which cannot be passed. Cast it in the graph.`);
  return dtype;
}

/** Wraps a tensor without copying. The data must not be in shared memory, which the binding refuses. */
export function toOrtTensor(ort: OnnxRuntime, { dtype, shape, data }: Tensor, name: string): OrtTensor {
  if (dtype === "bf16") throw new InputError(`"${name}" is bf16, which cannot be passed to a graph. Cast it to f32.`);
  return new ort.Tensor(ortTypes[dtype], data as TypedTensor<"float32">["data"], shape);
}

/** Unwraps a tensor without copying. */
export function fromOrtTensor({ type, dims, data }: OrtTensor, name: string): Tensor {
  const dtype = fromOrtType(type, name);
  // From Node 24 on, float16 comes as Float16Array; ours are the raw 16 bits.
  const raw = data as Tensor["data"];
  return { dtype, shape: dims, data: dtype === "f16" ? new Uint16Array(raw.buffer, raw.byteOffset, raw.length) : raw };
}
