import { fork } from "node:child_process";
import { DeviceError } from "../errors.js";
import { processEntry } from "./entry.js";
import { ortError } from "./ort-error.js";

/** What the child is told. */
export interface CompileJob {
  readonly bytes: Uint8Array;
  readonly weightsFolder: string | undefined;
  /** An empty folder. */
  readonly outputFolder: string;
}

/** What it answers. */
export type CompileReply = { ok: true } | { ok: false; message: string };

/** Names of the two files of a compiled graph. */
export const compiledFiles = { graph: "graph.onnx", weights: "graph.weights" } as const;

/**
 * Compiles a graph in a child process.
 * @throws the signal's reason when it is aborted; the child is ended
 * @throws CheckpointError, ShapeError, DeviceError if the graph cannot be optimized, or the child dies
 */
export async function compileInChild(job: CompileJob, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const { url, execArgv } = processEntry("compile");
  const child = fork(url, { execArgv, serialization: "advanced", stdio: ["ignore", "ignore", "ignore", "ipc"] });
  const abort = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", abort, { once: true });
  try {
    const reply = await new Promise<CompileReply>((resolve, reject) => {
      child.once("message", resolve);
      child.once("error", reject);
      child.once("exit", (code, killedBy) =>
        reject(new DeviceError(`Optimizing the graph ended with ${killedBy ?? code}.`)),
      );
      child.send(job);
    });
    if (!reply.ok) throw ortError(reply.message, "load");
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
