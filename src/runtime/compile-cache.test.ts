import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { linearStack } from "../../test/helpers/onnx-models.js";
import { InputError } from "../errors.js";
import { f32 } from "../tensor/tensor.js";
import { type CompileCacheSettings, compiledGraph, readCompileCacheSettings } from "./compile-cache.js";
import { type GraphFile, openGraph } from "./graph-file.js";
import { Session, type SessionStats } from "./session.js";

const root = mkdtempSync(join(tmpdir(), "arc2face-compile-"));
afterAll(() => rmSync(root, { recursive: true }));

let settings: CompileCacheSettings;
let graph: GraphFile;
beforeEach(async () => {
  const folder = mkdtempSync(join(root, "cache-"));
  settings = { folder, maxBytes: 1e9, minWeightBytes: 0 };
  graph = await openGraph(linearStack(96, 3, join(root, "small.safetensors"), "weights/0-small.safetensors"));
});

describe("compiledGraph", () => {
  it("compiles once, then finds the entry", async () => {
    const first = await compiledGraph(graph, settings);
    expect(first?.isNew).toBe(true);
    expect(readdirSync(dirname(first!.path)).sort()).toEqual(["graph.onnx", "graph.weights", "manifest.json"]);
    // Folded to f32: 3 layers of 96 x 96.
    expect(statSync(join(dirname(first!.path), "graph.weights")).size).toBe(3 * 96 * 96 * 4);
    const second = await compiledGraph(graph, settings);
    expect(second).toMatchObject({ isNew: false, path: first!.path });
    expect(readdirSync(settings.folder)).toHaveLength(1);
  });

  it("compiles again when the weights change, or the entry is damaged", async () => {
    const { path } = (await compiledGraph(graph, settings))!;
    utimesSync(join(root, "small.safetensors"), 1, 1);
    const weights = new Map([...graph.weights].map(([location, file]) => [location, { ...file, mtimeMs: 1000 }]));
    const touched = (await compiledGraph({ ...graph, weights }, settings))!;
    expect(touched.isNew).toBe(true);
    expect(touched.path).not.toBe(path);

    truncateSync(join(dirname(path), "graph.weights"), 100);
    expect((await compiledGraph(graph, settings))?.isNew).toBe(true);
    const bytes = readFileSync(path);
    bytes[40]! ^= 1;
    writeFileSync(path, bytes);
    expect((await compiledGraph(graph, settings))?.isNew).toBe(true);
    expect((await compiledGraph(graph, settings))?.isNew).toBe(false);
  });

  it("does nothing when turned off, for small graphs, and for graphs that cannot be optimized", async () => {
    expect(await compiledGraph(graph, { ...settings, maxBytes: 0 })).toBeUndefined();
    expect(await compiledGraph(graph, { ...settings, minWeightBytes: 1e6 })).toBeUndefined();
    const damaged = { bytes: Uint8Array.of(1, 2, 3), weights: new Map() };
    expect(await compiledGraph(damaged, settings)).toBeUndefined();
    expect(readdirSync(settings.folder)).toEqual([]);
  });

  it("stops when aborted, and leaves nothing behind", async () => {
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const compiling = compiledGraph(graph, settings, controller.signal);
    setTimeout(() => controller.abort(reason), 30);
    await expect(compiling).rejects.toBe(reason);
    expect(readdirSync(settings.folder)).toEqual([]);
  });

  it("removes what was used least recently when there is too much", async () => {
    const first = (await compiledGraph(graph, settings))!;
    const size = 3 * 96 * 96 * 4;
    utimesSync(join(dirname(first.path), "manifest.json"), 1, 1);
    const other = await openGraph(linearStack(96, 2, join(root, "other.safetensors"), "w"));
    const second = (await compiledGraph(other, { ...settings, maxBytes: size * 1.5 }))!;
    expect(readdirSync(settings.folder)).toEqual([dirname(second.path).slice(settings.folder.length + 1)]);
    // What was just made stays, though it alone is too much; a folder that another process is filling stays too.
    mkdirSync(join(settings.folder, "being-made.1-ab.tmp"));
    const third = (await compiledGraph(graph, { ...settings, maxBytes: 1 }))!;
    expect(statSync(third.path).size).toBeGreaterThan(0);
    expect(readdirSync(settings.folder)).toHaveLength(2);
  });
});

describe("readCompileCacheSettings", () => {
  it("reads the folder and the limit", () => {
    const folder = join("/c", "graphs");
    expect(readCompileCacheSettings({ ARC2FACE_CACHE: "/c" })).toMatchObject({ folder, maxBytes: 20e9 });
    expect(readCompileCacheSettings({ ARC2FACE_GRAPH_CACHE_GB: "0" }).maxBytes).toBe(0);
    expect(() => readCompileCacheSettings({ ARC2FACE_GRAPH_CACHE_GB: "lots" })).toThrow(InputError);
  });
});

describe("Session.load", () => {
  beforeAll(() => {
    vi.stubEnv("ARC2FACE_CACHE", join(root, "session-cache"));
    return () => vi.unstubAllEnvs();
  });

  it("gives the same values from a graph that is direct, compiled, cached, and made again after damage", async () => {
    // Four layers of 2048 x 2048 in f16 are 32 MiB, just enough to be kept.
    const model = linearStack(2048, 4, join(root, "large.safetensors"), "weights/0-large.safetensors");
    const x = f32(
      [3, 2048],
      Float32Array.from({ length: 3 * 2048 }, (_, i) => Math.sin(i)),
    );
    const run = async (compileCache: boolean): Promise<[SessionStats["graph"], Uint8Array]> => {
      const session = await Session.load(model, { device: "cpu", compileCache });
      const { y } = await session.run({ x });
      await session.release();
      return [session.stats.graph, new Uint8Array(y!.data.buffer)];
    };
    const [direct, expected] = await run(false);
    expect(direct).toBe("direct");
    expect(await run(true)).toEqual(["compiled", expected]);
    expect(await run(true)).toEqual(["cached", expected]);
    const graphs = join(root, "session-cache", "graphs");
    const [entry] = readdirSync(graphs);
    truncateSync(join(graphs, entry!, "graph.weights"), 1000);
    expect(await run(true)).toEqual(["compiled", expected]);
  });
});
