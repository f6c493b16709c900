import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CheckpointError } from "../errors.js";
import { readTfjsManifest, readTfjsWeights, tfjsShards } from "./tfjs-weights.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tfjs-"));
});
afterEach(() => rm(folder, { recursive: true }));

const uint8 = (scale: number, min: number) => ({ dtype: "uint8", scale, min });

async function read(groups: unknown, shards: Record<string, Uint8Array> = {}) {
  const path = join(folder, "net-weights_manifest.json");
  await writeFile(path, typeof groups === "string" ? groups : JSON.stringify(groups));
  for (const [name, bytes] of Object.entries(shards)) await writeFile(join(folder, name), bytes);
  return readTfjsWeights(await readTfjsManifest(path));
}

test("weights of several shards: 8 and 16 bits are scaled, a weight may lie across a border", async () => {
  const weights = [
    { name: "a/filters", shape: [1, 3], dtype: "float32", quantization: uint8(0.5, -1) },
    { name: "b", shape: [2], dtype: "float32", quantization: { dtype: "uint16", scale: 0.25, min: 2 } },
    { name: "c", shape: [], dtype: "float32" },
  ];
  const float = new Uint8Array(Float32Array.of(-1.5).buffer);
  const tensors = await read([{ weights, paths: ["one.bin", "two.bin"] }], {
    "one.bin": Uint8Array.of(0, 2, 255, 4),
    // The 16-bit numbers are 4 + 256 * 1 and 8.
    "two.bin": Uint8Array.of(1, 8, 0, ...float),
  });
  expect([...tensors.keys()]).toEqual(["a/filters", "b", "c"]);
  expect(tensors.get("a/filters")).toEqual({ dtype: "f32", shape: [1, 3], data: Float32Array.of(-1, 0, 126.5) });
  expect(tensors.get("b")?.data).toEqual(Float32Array.of(67, 4));
  expect(tensors.get("c")).toEqual({ dtype: "f32", shape: [], data: Float32Array.of(-1.5) });
});

test("halves and whole numbers, from the description of a whole network", async () => {
  const weights = [
    { name: "half", shape: [2], dtype: "float32", quantization: { dtype: "float16", original_dtype: "float32" } },
    { name: "axes", shape: [1], dtype: "int32" },
  ];
  const model = {
    format: "graph-model",
    modelTopology: { node: [] },
    weightsManifest: [{ weights, paths: ["w.bin"] }],
  };
  const tensors = await read(model, { "w.bin": Uint8Array.of(0x00, 0x3c, 0x00, 0xc1, 3, 0, 0, 0) });
  expect(tensors.get("half")?.data).toEqual(Float32Array.of(1, -2.5));
  expect(tensors.get("axes")?.data).toEqual(Float32Array.of(3));
});

test("shards are named once each", async () => {
  const path = join(folder, "m.json");
  await writeFile(path, JSON.stringify([0, 1].map(() => ({ weights: [], paths: ["a.bin", "b.bin"] }))));
  expect(tfjsShards(await readTfjsManifest(path))).toEqual(["a.bin", "b.bin"]);
});

describe("refuses", () => {
  const weight = { name: "w", shape: [2], dtype: "float32", quantization: uint8(1, 0) };

  test.each(["../up.bin", "/etc/passwd", "sub/in.bin", "..", ".hidden", "a\\b", ""])("the shard %j", async (name) => {
    await expect(read([{ weights: [weight], paths: [name] }])).rejects.toThrow(CheckpointError);
  });

  test("shards that are missing, too short or too long", async () => {
    await expect(read([{ weights: [weight], paths: ["none.bin"] }])).rejects.toThrow("not there");
    for (const bytes of [1, 3]) {
      const shards = { "w.bin": new Uint8Array(bytes) };
      await expect(read([{ weights: [weight], paths: ["w.bin"] }], shards)).rejects.toThrow("take 2 bytes");
    }
  });

  test("shapes that nothing could hold, before anything is made for them", async () => {
    const huge = { ...weight, shape: [2 ** 28, 2 ** 28, 2 ** 28] };
    await expect(read([{ weights: [huge], paths: ["w.bin"] }], { "w.bin": Uint8Array.of(1) })).rejects.toThrow(
      CheckpointError,
    );
  });

  test("a name that occurs twice, another dtype, and what is no manifest", async () => {
    const shards = { "w.bin": new Uint8Array(4) };
    await expect(read([{ weights: [weight, weight], paths: ["w.bin"] }], shards)).rejects.toThrow("twice");
    await expect(read([{ weights: [{ ...weight, dtype: "int32" }], paths: ["w.bin"] }], shards)).rejects.toThrow(
      CheckpointError,
    );
    await expect(read("{")).rejects.toThrow("not JSON");
    await expect(read({ weights: [] })).rejects.toThrow(CheckpointError);
  });
});
