import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unzipSync, type Zippable, zipSync } from "fflate";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Arc2FaceError } from "../../src/errors.js";
import { parseHeaderJson } from "../../src/tensor/header-json.js";
import { decodeNpy } from "../../src/tensor/npy.js";
import { openSafetensors, readTensor } from "../../src/tensor/safetensors.js";
import { openTorchCheckpoint, readTorchTensor } from "../../src/tensor/torch-checkpoint.js";
import { readTorchPickle } from "../../src/tensor/torch-pickle.js";
import { mutations } from "../support/mutate.js";

const fixtures = new URL("../fixtures/tensors/", import.meta.url).pathname;
let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fuzz-"));
  path = join(folder, "file");
});
afterAll(async () => {
  // Nothing but the mutated file itself was ever written.
  expect(await readdir(folder)).toEqual(["file"]);
  await rm(folder, { recursive: true });
});

/** Runs every damaged copy; each must be read or refused with an error of ours. */
async function fuzz(
  bytes: Uint8Array,
  seed: number,
  count: number,
  read: (bytes: Uint8Array) => unknown,
): Promise<void> {
  const heapBefore = process.memoryUsage().heapUsed;
  let refused = 0;
  for (const mutated of mutations(bytes, seed, count)) {
    try {
      await read(mutated);
    } catch (error) {
      if (!(error instanceof Arc2FaceError)) {
        throw new Error(`Not an error of ours, for ${Buffer.from(mutated).toString("base64")}`, { cause: error });
      }
      expect(error.message.length).toBeLessThan(1500);
      refused++;
    }
  }
  // The mutations must reach both outcomes, or they test little.
  expect(refused).toBeGreaterThan(count / 10);
  expect(refused).toBeLessThan(count);
  expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(256 * 2 ** 20);
}

/** Opens a file and reads all of its tensors. */
async function readAllSafetensors(bytes: Uint8Array): Promise<void> {
  await writeFile(path, bytes);
  const file = await openSafetensors(path);
  for (const name of file.entries.keys()) await readTensor(file, name);
}
async function readAllTorch(bytes: Uint8Array): Promise<void> {
  await writeFile(path, bytes);
  const checkpoint = await openTorchCheckpoint(path);
  for (const name of checkpoint.entries.keys()) await readTorchTensor(checkpoint, name);
}

test("10,000 damaged safetensors headers", async () => {
  const file = await readFile(`${fixtures}state-dict.safetensors`);
  const header = file.subarray(8, 8 + Number(file.readBigUInt64LE()));
  await fuzz(header, 2, 10_000, (bytes) => [...parseHeaderJson(Buffer.from(bytes).toString())]);
});

test("1,000 damaged safetensors files", async () => {
  await fuzz(await readFile(`${fixtures}mixed.safetensors`), 3, 1000, readAllSafetensors);
});

test("10,000 damaged pickles", async () => {
  for (const name of ["state-dict.bin", "nested.pt"]) {
    const files = unzipSync(await readFile(fixtures + name));
    const pickle = Object.entries(files).find(([entry]) => entry.endsWith("/data.pkl"))![1];
    await fuzz(pickle, 4, 5_000, readTorchPickle);
  }
});

test("500 checkpoints with a damaged pickle, their tensors read", async () => {
  const files: Zippable = unzipSync(await readFile(`${fixtures}plain.pth`));
  const name = Object.keys(files).find((entry) => entry.endsWith("/data.pkl"))!;
  await fuzz(files[name] as Uint8Array, 5, 500, (pickle) => {
    return readAllTorch(zipSync({ ...files, [name]: pickle }, { level: 0 }));
  });
});

test("1,000 damaged zip archives", async () => {
  await fuzz(await readFile(`${fixtures}plain.pth`), 6, 1000, readAllTorch);
});

test("10,000 damaged npy files", async () => {
  await fuzz(await readFile(`${fixtures}f32.npy`), 7, 10_000, decodeNpy);
});
