import { compiledGraph, readCompileCacheSettings } from "./compile-cache.js";
import { type ExecutionDevice, unavailable } from "./devices.js";
import { type GraphFile, placeWeights } from "./graph-file.js";
import type { LoadParameters, Requests } from "./protocol.js";
import { returnThread, takeThread, type WorkerThread } from "./worker-thread.js";

/** Whether the optimized graph was found in the cache, was made and kept there, or the graph was loaded as it is. */
export type GraphOrigin = "cached" | "compiled" | "direct";

/** A graph that a worker is ready to run. */
export type LoadedGraph = { thread: WorkerThread; origin: GraphOrigin } & Requests["load"]["result"];

interface LoadOptions {
  readonly device: ExecutionDevice;
  readonly threads: number;
  readonly keepMemory: boolean;
  /** A thread that other sessions use already. */
  readonly beside: WorkerThread | undefined;
  /** Folder that the operator profile is written to, if one is. */
  readonly profileFolder: string | undefined;
  readonly compileCache: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Loads a graph into a worker, optimized for this machine. Only the CPU's graphs are kept on disk: other devices
 * compile to forms of their own when they load.
 */
export async function loadGraph(graph: GraphFile, options: LoadOptions): Promise<LoadedGraph> {
  const { device, threads, keepMemory, profileFolder, compileCache, signal } = options;
  const shared = { device, threads, keepMemory, profilePrefix: profileFolder && `${profileFolder}/profile` };
  // An entry that was found but does not load is damaged, and made again once.
  while (device === "cpu" && compileCache) {
    const compiled = await compiledGraph(graph, readCompileCacheSettings(), signal);
    if (!compiled) break;
    try {
      const origin = compiled.isNew ? "compiled" : "cached";
      return {
        origin,
        ...(await startWorker({ source: { path: compiled.path }, optimized: true, ...shared }, options)),
      };
    } catch {
      signal?.throwIfAborted();
      await compiled.discard();
      if (compiled.isNew) break;
    }
  }
  const source = placeWeights(graph);
  return { origin: "direct", ...(await startWorker({ source, optimized: false, ...shared }, options)) };
}

async function startWorker(parameters: LoadParameters, { signal, beside }: Pick<LoadOptions, "signal" | "beside">) {
  const thread = takeThread(beside);
  const { source, device } = parameters;
  try {
    const transfer = "bytes" in source ? [source.bytes.buffer as ArrayBuffer] : [];
    return { thread, ...(await thread.request("load", parameters, { signal, transfer })) };
  } catch (error) {
    if (signal?.aborted && !beside) {
      // Not awaited: it ends after the call it is in.
      void thread.terminate();
      throw error;
    }
    await returnThread(thread);
    if (device !== "cpu" && /ExecutionProvider|adapter|shared library|driver/i.test((error as Error).message)) {
      throw unavailable(device, error);
    }
    throw error;
  }
}
