import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { InputError } from "../errors.js";
import { f32 } from "../tensor/tensor.js";
import { exportOnnx } from "./export.js";
import { add, cast, matmul, mul, transpose } from "./operators/index.js";
import { constant, input, type Value } from "./value.js";

const graph = () => {
  const x = input("x", "f32", [2, 3]);
  const slice = { path: "/models/unet/weights.safetensors", offset: 123, byteLength: 30 };
  const stored: Value = { name: "proj.weight", dtype: "f16", shape: [5, 3], origin: { kind: "file", slice } };
  const product = matmul(x, transpose(cast(stored, "f32"), [1, 0]));
  return { inputs: [x], outputs: { product, sum: add(product, constant(f32([5], [1, 2, 3, 4, 5]))) } };
};

describe("exportOnnx", () => {
  it("gives the same bytes for the same graph", () => {
    expect(exportOnnx(graph()).bytes).toEqual(exportOnnx(graph()).bytes);
  });

  it("refers to weights in files by offset and length", () => {
    const { bytes, externalFiles } = exportOnnx(graph());
    const initializers = fromBinary(ModelProtoSchema, bytes).graph?.initializer ?? [];
    const stored = initializers.find(({ name }) => name === "proj.weight");
    const data = Object.fromEntries(stored?.externalData.map(({ key, value }) => [key, value]) ?? []);
    expect(data).toEqual({ location: "weights/0-weights.safetensors", offset: "123", length: "30" });
    expect([...externalFiles]).toEqual([["weights/0-weights.safetensors", "/models/unet/weights.safetensors"]]);
  });

  it("names nodes after the weights that they read", () => {
    const names = fromBinary(ModelProtoSchema, exportOnnx(graph()).bytes).graph?.node.map(({ name }) => name);
    expect(names).toContain("Cast:proj.weight");
    expect(names).toContain("MatMul:proj.weight");
  });

  it("gives an output that other nodes read its name where it is computed, not to a copy", () => {
    const x = input("x", "f32", [3]);
    const inner = mul(x, 2);
    const outer = mul(inner, 3);
    const { bytes } = exportOnnx({ inputs: [x], outputs: { inner, outer, again: outer } });
    const graph = fromBinary(ModelProtoSchema, bytes).graph;
    expect(graph?.node.map(({ name }) => name)).toEqual(["Mul", "Mul#1", "output:outer", "output:again"]);
    expect(graph?.node.map(({ opType, output }) => [opType, ...output])).toEqual([
      ["Mul", "inner"],
      ["Mul", "Mul#1"],
      ["Identity", "outer"],
      ["Identity", "again"],
    ]);
  });

  it("refuses a graph that reads an input which is not listed, or two inputs of one name", () => {
    const { inputs, outputs } = graph();
    expect(() => exportOnnx({ inputs: [], outputs })).toThrow(InputError);
    expect(() => exportOnnx({ inputs: [...inputs, input("x", "f32", [7])], outputs })).toThrow("no unique name");
  });
});
