import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat, statfs, utimes, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { InputError } from "../errors.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { compiledFiles, compileInChild } from "./compile-process.js";
import { type GraphFile, placeWeights } from "./graph-file.js";
import { loadOnnxRuntime } from "./onnxruntime.js";
import { pruneEntries } from "./prune.js";

/** Where optimized graphs are kept, and how much of the disk they may take. */
export interface CompileCacheSettings {
  readonly folder: string;
  readonly maxBytes: number;
  /** Graphs with less weight are optimized at each load. */
  readonly minWeightBytes: number;
}

/** Below this, optimizing takes a quarter of a second, and the many small graphs would fill the cache. */
const minWeightBytes = 32 * 2 ** 20;

/**
 * `ARC2FACE_GRAPH_CACHE_GB` limits the disk space of optimized graphs (default 20); 0 turns the cache off.
 * @throws InputError if it is not a number
 */
export function readCompileCacheSettings(env: NodeJS.ProcessEnv = process.env): CompileCacheSettings {
  const gigabytes = Number(env.ARC2FACE_GRAPH_CACHE_GB || 20);
  if (!(gigabytes >= 0)) {
    throw new InputError(`ARC2FACE_GRAPH_CACHE_GB is "${env.ARC2FACE_GRAPH_CACHE_GB}"; give a number of gigabytes.`);
  }
  return { folder: join(cacheFolder(env), "graphs"), maxBytes: gigabytes * 1e9, minWeightBytes };
}

/** Changes whenever the way of compiling does, so that entries made before are not used. */
const recipe = 1;

const manifestName = "manifest.json";
const manifestSchema = z.object({
  graphSha256: z.string(),
  files: z.record(z.string(), z.number().int().nonnegative()),
});

/** An optimized graph in the cache. */
export interface CompiledGraph {
  readonly path: string;
  /** Made now, rather than found. */
  readonly isNew: boolean;
  /** Removes the entry, when it turns out to be damaged. */
  discard(): Promise<void>;
}

/**
 * The graph as optimized for this CPU: found in the cache, or made and kept there. A kept graph loads in a quarter of the
 * time, and its weights are mapped from the file instead of being held a second time while they are folded. The
 * price is disk space: all weights once more in f32. That is paid for f32 models too, because most of their weights
 * change as well: linear layers are transposed and convolutions laid out in blocks.
 *
 * Weights are not stored in the packed form that the kernels use: loading would take 160 instead of 300 ms and 0.3 GB
 * less of memory that belongs to the process, but the file, which holds both forms, would be half as large again.
 *
 * @returns undefined if the graph is too small to be worth it, there is no space for it, or it cannot be optimized (the
 *   session's own error says why)
 * @throws the signal's reason when it is aborted
 */
export async function compiledGraph(
  graph: GraphFile,
  settings: CompileCacheSettings,
  signal?: AbortSignal,
): Promise<CompiledGraph | undefined> {
  const weightBytes = [...graph.weights.values()].reduce((sum, { size }) => sum + size, graph.bytes.byteLength);
  if (settings.maxBytes <= 0 || weightBytes < settings.minWeightBytes) return undefined;
  const folder = join(settings.folder, cacheKey(graph));
  const discard = () => rm(folder, { recursive: true, force: true });
  const path = join(folder, compiledFiles.graph);
  if (await isIntact(folder)) {
    const now = new Date();
    await utimes(join(folder, manifestName), now, now).catch(() => undefined);
    return { path, isNew: false, discard };
  }
  await discard();
  try {
    await mkdir(settings.folder, { recursive: true });
    const { bavail, bsize } = await statfs(settings.folder);
    // f16 weights double when they are folded to f32, and the two passes each write them once.
    if (bavail * bsize < 4 * weightBytes) return undefined;
    await makeEntry(graph, folder, signal);
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
  await pruneEntries(settings.folder, { maxBytes: settings.maxBytes, keep: folder, stampFile: manifestName });
  return { path, isNew: true, discard };
}

async function makeEntry(graph: GraphFile, folder: string, signal?: AbortSignal): Promise<void> {
  const beside = `${folder}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
  await mkdir(beside);
  try {
    await compileInChild({ ...placeWeights(graph), outputFolder: beside }, signal);
    const files: Record<string, number> = {};
    for (const name of Object.values(compiledFiles)) {
      const size = await flush(join(beside, name));
      if (size !== undefined) files[name] = size;
    }
    const manifest = { graphSha256: sha256(await readFile(join(beside, compiledFiles.graph))), files };
    await writeFile(join(beside, manifestName), JSON.stringify(manifest));
    await rename(beside, folder).catch(async (error) => {
      // Another process was faster; its entry is the same.
      if (!(await isIntact(folder))) throw error;
    });
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** Writes a file through to the disk; its size, or undefined if there is none (a graph without large weights). */
async function flush(path: string): Promise<number | undefined> {
  const file = await open(path, "r+").catch(() => undefined);
  if (!file) return undefined;
  try {
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

/** Whether an entry is complete: the graph is what was written, and the weights have their size. */
async function isIntact(folder: string): Promise<boolean> {
  try {
    const manifest = manifestSchema.parse(JSON.parse(await readFile(join(folder, manifestName), "utf8")));
    for (const [name, size] of Object.entries(manifest.files)) {
      if ((await stat(join(folder, name))).size !== size) return false;
    }
    return sha256(await readFile(join(folder, compiledFiles.graph))) === manifest.graphSha256;
  } catch {
    return false;
  }
}

/** Everything that the optimized graph depends on. Convolution layouts depend on the CPU's vector instructions. */
function cacheKey({ bytes, weights }: GraphFile): string {
  return sha256(
    JSON.stringify({
      recipe,
      graph: sha256(bytes),
      weights: [...weights].map(([location, { path, size, mtimeMs }]) => [location, path, size, mtimeMs]),
      onnxRuntime: loadOnnxRuntime().env.versions,
      cpu: [process.arch, cpus()[0]?.model, cpuFeatures()],
    }),
  ).slice(0, 32);
}

/** The instruction sets of this CPU, on Linux; elsewhere its model, which is in the key too, has to do. */
function cpuFeatures(): string | undefined {
  if (process.platform !== "linux") return undefined;
  return /^(?:flags|Features)\s*:\s*(.+)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
}

function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}
