import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { DeviceError, InputError } from "../errors.js";
import { loadOnnxRuntime, onnxRuntimePath } from "./onnxruntime.js";

/** Where a graph runs. The names are those of ONNX Runtime's execution providers. */
export const executionDevices = ["cpu", "cuda", "webgpu", "dml", "coreml"] as const;
export type ExecutionDevice = (typeof executionDevices)[number];

/** What a user asks for; `auto` is the fastest device that works on this machine. */
export type Device = "auto" | ExecutionDevice;

/**
 * What `auto` tries before the CPU, best first. WebGPU is not in it: it also runs on software renderers, which are
 * slower than the CPU, and it rounds differently from one graphics driver to the next, so it must be asked for.
 */
const accelerators = ["cuda", "dml", "coreml"] as const satisfies readonly ExecutionDevice[];

const howToGet: Readonly<Record<ExecutionDevice, string>> = {
  cpu: "Reinstall onnxruntime-node.",
  cuda:
    "CUDA needs Linux x64, an NVIDIA driver, CUDA 12 and cuDNN 9, and libraries that are too large for the npm package: " +
    "run `node node_modules/onnxruntime-node/script/install --onnxruntime-node-install=cuda12`.",
  webgpu: "WebGPU needs a graphics driver: Vulkan on Linux (libvulkan.so.1), Direct3D 12 on Windows, Metal on macOS.",
  dml: "DirectML needs Windows.",
  coreml: "CoreML needs macOS.",
};

/**
 * The devices whose libraries are installed. Whether their drivers work shows only when a session is loaded.
 * @throws DeviceError if ONNX Runtime itself does not load
 */
export function availableDevices(): ExecutionDevice[] {
  const compiledIn = new Set(
    loadOnnxRuntime()
      .listSupportedBackends()
      .map((backend) => backend.name),
  );
  return executionDevices.filter((device) => compiledIn.has(device) && (device !== "cuda" || hasCudaLibrary()));
}

/** ONNX Runtime lists CUDA as supported on Linux x64 even where its library, a separate download, is missing. */
function hasCudaLibrary(): boolean {
  const folder = resolve(onnxRuntimePath(), "../../bin/napi-v6", process.platform, process.arch);
  return existsSync(resolve(folder, "libonnxruntime_providers_cuda.so"));
}

/**
 * Checks that a device is known and its libraries are installed.
 * @throws InputError if there is no such device
 * @throws DeviceError if it is not available here; the message says how to get it
 */
export function requireDevice(device: ExecutionDevice): void {
  if (!executionDevices.includes(device)) {
    throw new InputError(`There is no device "${device}". Use auto, ${executionDevices.join(", ")}.`);
  }
  if (!availableDevices().includes(device)) throw unavailable(device);
}

/** The error for a device that cannot be used, with the way to get it; the cause is what ONNX Runtime says. */
export function unavailable(device: ExecutionDevice, cause?: unknown): DeviceError {
  return new DeviceError(`Device "${device}" is not available on this machine. ${howToGet[device]}`, { cause });
}

/**
 * Chooses what `auto` stands for: the first accelerator that is installed and really runs a graph, else the CPU.
 * @param works tries a small graph on a device
 */
export async function chooseDevice(
  works: (device: ExecutionDevice) => Promise<boolean>,
  available: readonly ExecutionDevice[] = availableDevices(),
): Promise<ExecutionDevice> {
  for (const device of accelerators) {
    if (available.includes(device) && (await works(device))) return device;
  }
  return "cpu";
}

/**
 * Threads for one operator when the user does not say: the cores this process may use. ONNX Runtime's own default
 * counts the machine's cores, and in a container or a cpuset starts threads that only take turns.
 */
export function defaultThreads(): number {
  return availableParallelism();
}
