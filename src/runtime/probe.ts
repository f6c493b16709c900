import { create, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, TensorProto_DataType } from "onnx-buf";
import { f32 } from "../tensor/tensor.js";
import { chooseDevice, type ExecutionDevice } from "./devices.js";
import { returnThread, takeThread } from "./worker-thread.js";

let automatic: Promise<ExecutionDevice> | undefined;

/** What `auto` stands for on this machine, found out once in a process. */
export function automaticDevice(): Promise<ExecutionDevice> {
  automatic ??= chooseDevice(canRun);
  return automatic;
}

/** Whether a small matrix product runs on the device: an installed library may still lack its driver. */
async function canRun(device: ExecutionDevice): Promise<boolean> {
  const thread = takeThread();
  try {
    const source = { bytes: squareModel(), weightsFolder: undefined };
    const { session } = await thread.request("load", {
      source,
      optimized: false,
      device,
      threads: 1,
      keepMemory: true,
      profilePrefix: undefined,
    });
    const feeds = { x: f32([2, 2], [0, 2, 3, 0]) };
    try {
      const { outputs } = await thread.request("run", { session, feeds, outputs: ["y"] });
      return outputs.y?.data[0] === 6;
    } finally {
      await thread.request("release", { session });
    }
  } catch {
    return false;
  } finally {
    // A thread that died with the device is not kept.
    await returnThread(thread);
  }
}

/** y = x · x for a 2x2 matrix. */
function squareModel(): Uint8Array {
  const size = { value: { case: "dimValue" as const, value: 2n } };
  const matrix = (name: string) => ({
    name,
    type: {
      value: {
        case: "tensorType" as const,
        value: { elemType: TensorProto_DataType.FLOAT, shape: { dim: [size, size] } },
      },
    },
  });
  const model = create(ModelProtoSchema, {
    irVersion: 10n,
    opsetImport: [{ domain: "", version: 21n }],
    graph: {
      name: "square",
      node: [{ opType: "MatMul", input: ["x", "x"], output: ["y"] }],
      input: [matrix("x")],
      output: [matrix("y")],
    },
  });
  return toBinary(ModelProtoSchema, model);
}
