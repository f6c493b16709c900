import { create, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation as DataLocation,
  ModelProtoSchema,
  TensorProto_DataType as OnnxType,
} from "onnx-buf";
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../errors.js";
import { Session } from "../runtime/session.js";
import { f32 } from "../tensor/tensor.js";
import { exportOnnx } from "./export.js";
import { importOnnx } from "./import.js";
import { add, matmul, mul, reshape, silu } from "./operators/index.js";
import { constant, input } from "./value.js";

const tensorType = (name: string, dims: readonly number[]) => ({
  name,
  type: {
    value: {
      case: "tensorType" as const,
      value: {
        elemType: OnnxType.FLOAT,
        shape: { dim: dims.map((size) => ({ value: { case: "dimValue" as const, value: BigInt(size) } })) },
      },
    },
  },
});
const ints = (name: string, values: readonly number[]) => ({
  name,
  type: AttributeType.INTS,
  ints: values.map(BigInt),
});
const float = (name: string, f: number) => ({ name, type: AttributeType.FLOAT, f });
const int = (name: string, i: number) => ({ name, type: AttributeType.INT, i: BigInt(i) });
const string = (name: string, s: string) => ({ name, type: AttributeType.STRING, s: new TextEncoder().encode(s) });

interface TestNode {
  opType: string;
  input: string[];
  output: string[];
  attribute?: object[];
}

function model(opset: number, inShape: number[], nodes: TestNode[], initializers: object[] = []): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 6n,
      opsetImport: [{ domain: "", version: BigInt(opset) }],
      graph: {
        name: "test",
        input: [tensorType("x", inShape)],
        output: [tensorType("y", [])].map(({ name, type }) => ({
          name,
          type: { value: { ...type.value, value: { elemType: OnnxType.FLOAT } } },
        })),
        node: nodes,
        initializer: initializers,
      },
    }),
  );
}

async function run(bytes: Uint8Array, x: ReturnType<typeof f32>) {
  const session = await Session.load({ bytes, externalFiles: new Map() }, { compileCache: false });
  const { y } = await session.run({ x });
  await session.release();
  return y;
}

describe("importOnnx", () => {
  it("gives back the graph that was exported", () => {
    const x = input("x", "f32", ["batch", 3]);
    const w = constant(f32([3, 4], [...Array(12).keys()]), "proj.weight");
    const y = reshape(silu(mul(add(matmul(x, w), 2), 0.5)), ["batch", 2, 2]);
    const { bytes } = exportOnnx({ inputs: [x], outputs: { y } });
    const graph = importOnnx(bytes);
    expect(graph.inputs.map(({ name, shape }) => ({ name, shape }))).toEqual([{ name: "x", shape: ["batch", 3] }]);
    expect(graph.outputs.y?.shape).toEqual(["batch", 2, 2]);
    expect(importOnnx(exportOnnx(graph).bytes).outputs.y?.shape).toEqual(["batch", 2, 2]);
  });

  it("means the same after opset 9 is rewritten", async () => {
    const bytes = model(
      9,
      [2, 3, 4, 5],
      [
        { opType: "Clip", input: ["x"], output: ["a"], attribute: [float("min", -0.5), float("max", 0.75)] },
        {
          opType: "Slice",
          input: ["a"],
          output: ["b"],
          attribute: [ints("axes", [2]), ints("starts", [1]), ints("ends", [9])],
        },
        {
          opType: "Pad",
          input: ["b"],
          output: ["c"],
          attribute: [ints("pads", [0, 0, 1, 0, 0, 0, 0, 2]), float("value", 3)],
        },
        { opType: "ReduceMean", input: ["c"], output: ["d"], attribute: [ints("axes", [1]), int("keepdims", 0)] },
        { opType: "Unsqueeze", input: ["d"], output: ["e"], attribute: [ints("axes", [1])] },
        { opType: "Dropout", input: ["e"], output: ["f"] },
        { opType: "Softmax", input: ["f"], output: ["g"], attribute: [int("axis", 3)] },
        { opType: "Upsample", input: ["g", "scales"], output: ["y"], attribute: [string("mode", "nearest")] },
      ],
      [{ name: "scales", dims: [4n], dataType: OnnxType.FLOAT, floatData: [1, 1, 2, 2] }],
    );
    const x = f32(
      [2, 3, 4, 5],
      Array.from({ length: 120 }, (_, i) => Math.sin(i)),
    );
    const graph = importOnnx(bytes);
    expect(graph.outputs.y?.shape).toEqual([2, 1, 8, 14]);
    const again = await run(exportOnnx(graph).bytes, x);
    const original = await run(bytes, x);
    expect(again?.data.length).toBe(224);
    expect(again?.data).toEqual(original?.data);
  });

  it.each(["SAME_UPPER", "SAME_LOWER", "VALID"])("writes auto_pad %s as numbers", async (rule) => {
    // Stride 2 on 6 and 7 elements: SAME needs 1 zero on the first axis, which has one side to go to, and 2 on the other.
    const attribute = [string("auto_pad", rule), ints("strides", [2, 2])];
    const pool = { opType: "MaxPool", input: ["a"], output: ["y"] };
    const bytes = model(
      11,
      [2, 3, 6, 7],
      [
        { opType: "Conv", input: ["x", "w"], output: ["a"], attribute },
        { ...pool, attribute: [string("auto_pad", rule), ints("kernel_shape", [2, 3])] },
      ],
      [
        {
          name: "w",
          dims: [5n, 3n, 3n, 3n],
          dataType: OnnxType.FLOAT,
          floatData: Array.from({ length: 135 }, (_, i) => Math.cos(i)),
        },
      ],
    );
    const graph = importOnnx(bytes);
    expect(graph.outputs.y?.shape).toEqual([2, 5, ...(rule === "VALID" ? [1, 1] : [3, 4])]);
    const x = f32(
      [2, 3, 6, 7],
      Array.from({ length: 252 }, (_, i) => Math.sin(i)),
    );
    expect((await run(exportOnnx(graph).bytes, x))?.data).toEqual((await run(bytes, x))?.data);
  });

  it("refuses paddings and resizings that it cannot tell the shape of", () => {
    const node = (opType: string, attribute: object[]) =>
      model(18, [2, 2, 3, 3], [{ opType, input: ["x", "x"], output: ["y"], attribute }]);
    expect(() => importOnnx(node("ConvTranspose", [string("auto_pad", "SAME_UPPER")]))).toThrow(
      'auto_pad "SAME_UPPER" of ConvTranspose is not supported',
    );
    expect(() => importOnnx(node("Conv", [string("auto_pad", "ROUND")]))).toThrow('auto_pad "ROUND"');
    expect(() => importOnnx(node("Resize", [ints("axes", [2, 3])]))).toThrow("axes of Resize are not supported");
  });

  it("computes the shapes that exporters compute at run time", () => {
    const graph = importOnnx(
      model(
        13,
        [2, 3, 4],
        [
          { opType: "Shape", input: ["x"], output: ["s"] },
          { opType: "Gather", input: ["s", "zero"], output: ["n"], attribute: [int("axis", 0)] },
          { opType: "Unsqueeze", input: ["n", "axes"], output: ["u"] },
          { opType: "Concat", input: ["u", "rest"], output: ["target"], attribute: [int("axis", 0)] },
          { opType: "Reshape", input: ["x", "target"], output: ["y"] },
        ],
        [
          { name: "zero", dims: [], dataType: OnnxType.INT64, int64Data: [0n] },
          { name: "axes", dims: [1n], dataType: OnnxType.INT64, int64Data: [0n] },
          { name: "rest", dims: [1n], dataType: OnnxType.INT64, int64Data: [-1n] },
        ],
      ),
    );
    expect(graph.outputs.y?.shape).toEqual([2, 12]);
  });

  it("refuses control flow, unknown operators and files outside its folder by name", () => {
    expect(() => importOnnx(model(13, [2], [{ opType: "Loop", input: ["x"], output: ["y"] }]))).toThrow(
      "operator Loop is not supported",
    );
    const external = [
      {
        name: "w",
        dims: [2n],
        dataType: OnnxType.FLOAT,
        dataLocation: DataLocation.EXTERNAL,
        externalData: [{ key: "location", value: "../../etc/passwd" }],
      },
    ];
    const nodes = [{ opType: "Add", input: ["x", "w"], output: ["y"] }];
    expect(() => importOnnx(model(13, [2], nodes, external), { folder: "/models" })).toThrow(
      /outside the model's folder/,
    );
    expect(() => importOnnx(model(13, [2], [{ opType: "Add", input: ["x", "missing"], output: ["y"] }]))).toThrow(
      'reads "missing", which nothing computes',
    );
    expect(() => importOnnx(model(13, [2], [{ opType: "Conv", input: ["x", "x"], output: ["y"] }]))).toThrow(
      CheckpointError,
    );
  });
});
