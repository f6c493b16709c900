import type { InferenceSession } from "onnxruntime-node";
import type { LoadParameters } from "./protocol.js";

type OrtSessionOptions = InferenceSession.SessionOptions;

/** Initializers smaller than this stay inside the model file, so that shapes and scalars can be read at load. */
const minimumExternalBytes = 1024;

/**
 * How long a thread that waits for work keeps its core, in microseconds. Measured on two cores: in graphs of small
 * operators (400 MatMul of 96x96x96) a run takes 7.8 ms if threads sleep at once, 6.4 ms like this and 5.4 ms with ONNX
 * Runtime's default, which is much longer; but there two sessions that run at once take 1.8 times as long as in turn,
 * and like this 1.1 times. Operators of a millisecond and more do not notice.
 */
const spinMicroseconds = 200;

/**
 * ONNX Runtime's options for a session. Its memory arena and memory pattern stay on: turning them off made no
 * difference beyond noise (12 x 2 MatMul of 256x1280x2560 and 5 Conv 3x3 of 1280 channels: 0.41 s). Denormals are
 * flushed to zero, because gradients and optimizer moments decay through them, and many CPUs are slow there.
 */
export function sessionOptions(parameters: LoadParameters): OrtSessionOptions {
  const { source, optimized, device, threads, keepMemory, profilePrefix } = parameters;
  return {
    executionProviders: [device],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableCpuMemArena: keepMemory,
    executionMode: "sequential",
    graphOptimizationLevel: optimized ? "disabled" : "all",
    // Errors reach the caller as exceptions; the library does not write to the terminal as well.
    logSeverityLevel: 4,
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
    extra: {
      session: {
        set_denormal_as_zero: "1",
        intra_op: { allow_spinning: "1", spin_duration_us: String(spinMicroseconds) },
        ...("bytes" in source ? weightsBelow(source.weightsFolder) : {}),
      },
    },
  };
}

/**
 * Options that optimize a graph and write it, with its folded weights beside it. Prepacking is off: it would keep a
 * second copy of the weights, and this session never runs.
 */
export function compileOptions(
  level: "basic" | "all",
  output: { path: string; weightsName: string },
  weightsFolder?: string,
): OrtSessionOptions {
  return {
    executionProviders: ["cpu"],
    intraOpNumThreads: 1,
    graphOptimizationLevel: level,
    logSeverityLevel: 4,
    optimizedModelFilePath: output.path,
    extra: {
      session: {
        disable_prepacking: "1",
        optimized_model_external_initializers_file_name: output.weightsName,
        optimized_model_external_initializers_min_size_in_bytes: String(minimumExternalBytes),
        ...weightsBelow(weightsFolder),
      },
    },
  };
}

function weightsBelow(folder: string | undefined): Record<string, string> {
  return folder === undefined ? {} : { model_external_initializers_file_folder_path: folder };
}
