import { createRequire } from "node:module";
import { DeviceError } from "../errors.js";

/** The API of the `onnxruntime-node` package. */
export type OnnxRuntime = typeof import("onnxruntime-node");

const require = createRequire(import.meta.url);

/**
 * Loads ONNX Runtime's native library on first use, so that importing this package works where there is no build of it
 * (commands that run no model need none).
 * @throws DeviceError if there is no build for this platform, or it cannot be loaded
 */
export function loadOnnxRuntime(): OnnxRuntime {
  try {
    return require("onnxruntime-node") as OnnxRuntime;
  } catch (cause) {
    throw new DeviceError(
      `ONNX Runtime does not load on ${process.platform}/${process.arch}: ${(cause as Error).message.split("\n")[0]}. ` +
        "It has builds for Linux (x64, arm64; glibc), Windows (x64, arm64) and macOS (arm64); reinstall the package if yours is one.",
      { cause },
    );
  }
}

/** Absolute path of the package's main file; its native libraries lie at a fixed place from there. */
export function onnxRuntimePath(): string {
  return require.resolve("onnxruntime-node");
}
