import { expect, it } from "vitest";
import { CheckpointError, DeviceError, InputError, ShapeError } from "../errors.js";
import { ortError } from "./ort-error.js";

it("classes ONNX Runtime's messages and puts the node first", () => {
  const matMul =
    "Non-zero status code returned while running MatMul node. Name:'mid.to_q' Status Message: matmul_helper.h:163 " +
    "onnxruntime::common::Status onnxruntime::MatMulComputeHelper::Compute(const TensorShape&) left operand cannot " +
    "broadcast on dim 0";
  const error = ortError(matMul, "run");
  expect(error).toBeInstanceOf(ShapeError);
  expect(error.message).toBe('MatMul "mid.to_q": left operand cannot broadcast on dim 0');

  const gather =
    "Non-zero status code returned while running Gather node. Name:'tokens' Status Message: " +
    "indices element out of data bounds, idx=9 must be within the inclusive range [-4,3]";
  expect(ortError(gather, "run")).toBeInstanceOf(InputError);
  expect(ortError(gather, "run").message).toContain('Gather "tokens": indices element out of data bounds');

  const memory =
    "Non-zero status code returned while running Conv node. Name:'c' Status Message: Failed to allocate memory for requested buffer of size 4096";
  expect(ortError(memory, "run")).toBeInstanceOf(DeviceError);
  expect(ortError(memory, "run").message).toMatch(/^Not enough memory: Conv "c"/);

  expect(ortError("Failed to load model because protobuf parsing failed.", "load")).toBeInstanceOf(CheckpointError);
});
