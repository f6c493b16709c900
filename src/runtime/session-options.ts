import type { InferenceSession } from "onnxruntime-node";
import type { LoadParameters } from "./protocol.js";

type OrtSessionOptions = InferenceSession.SessionOptions;

/** Initializers smaller than this stay inside the model file, so that shapes and scalars can be read at load. */
const minimumExternalBytes = 1024;

/**
 * ONNX Runtime's options for a session. Measured on two cores (12 x 2 MatMul of 256x1280x2560 and 5 Conv 3x3 of 1280
 * channels, 0.41 s): the memory arena, the memory pattern and flushing denormals make no difference beyond noise, so
 * the defaults stay, except:
 * - denormals are flushed to zero: gradients and optimizer moments decay through them, and older CPUs take 100 times
 *   longer for each;
 * - threads do not spin while they wait: the same speed, 5 % less processor time, and sessions side by side (each has
 *   its threads) do not take the cores from each other.
 */
export function sessionOptions(parameters: LoadParameters): OrtSessionOptions {
  const { source, optimized, device, threads, profilePrefix } = parameters;
  return {
    executionProviders: [device],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: optimized ? "disabled" : "all",
    // Errors reach the caller as exceptions; the library does not write to the terminal as well.
    logSeverityLevel: 4,
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
    extra: {
      session: {
        set_denormal_as_zero: "1",
        intra_op: { allow_spinning: "0" },
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
