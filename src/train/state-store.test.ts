import { mkdtempSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { InputError } from "../errors.js";
import { FileStore, MemoryStore, type VectorLengths } from "./state-store.js";

const folder = mkdtempSync(join(tmpdir(), "arc2face-store-"));
afterAll(() => rmSync(folder, { recursive: true }));

const lengths = new Map([
  ["a", 3],
  ["b", 5],
]);

describe.each([
  { name: "MemoryStore", open: async (lengths: VectorLengths) => new MemoryStore(lengths) },
  { name: "FileStore", open: (lengths: VectorLengths) => FileStore.open(join(folder, "run/state"), lengths) },
])("$name", ({ open }) => {
  it("starts with zeros, and keeps parts of vectors apart", async () => {
    const store = await open(lengths);
    expect(await store.read("b", 0, 5)).toEqual(new Float32Array(5));
    await store.write("a", 1, Float32Array.of(1, 2));
    await store.write("b", 0, Float32Array.of(9, 3, 4, 5).subarray(1));
    expect(await store.read("a", 0, 3)).toEqual(Float32Array.of(0, 1, 2));
    expect(await store.read("b", 1, 4)).toEqual(Float32Array.of(4, 5, 0, 0));
    await store.close();
  });

  it("reads copies", async () => {
    const store = await open(lengths);
    const before = await store.read("a", 0, 3);
    before[0] = 7;
    expect(await store.read("a", 0, 1)).toEqual(Float32Array.of(0));
    await store.close();
  });
});

it("replaces a file that was left behind, and leaves none", async () => {
  const path = join(folder, "left/state");
  const killed = await FileStore.open(path, lengths);
  await killed.write("a", 0, Float32Array.of(1, 2, 3));
  const next = await FileStore.open(path, lengths);
  expect(await next.read("a", 0, 3)).toEqual(new Float32Array(3));
  await next.close();
  await killed.close();
  expect(await readdir(join(folder, "left"))).toEqual([]);
});

it("says how much room it needs", async () => {
  const huge = FileStore.open(join(folder, "huge/state"), new Map([["a", 1e15]]));
  await expect(huge).rejects.toThrow(InputError);
  await expect(huge).rejects.toThrow(/the training state takes 4000000\.0 GB; free some space/);
});
