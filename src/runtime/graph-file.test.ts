import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, it } from "vitest";
import { linearStack } from "../../test/helpers/onnx-models.js";
import { CheckpointError } from "../errors.js";
import { f32 } from "../tensor/tensor.js";
import { commonFolder, openGraph, placeWeights } from "./graph-file.js";
import { Session } from "./session.js";

const root = realpathSync(mkdtempSync(join(tmpdir(), "arc2face-graph-")));
afterAll(() => rmSync(root, { recursive: true }));

/** One layer: y = x wᵀ with w [2, 2] of the f16 patterns that the helper writes. */
async function firstOutput(model: Parameters<typeof Session.load>[0]): Promise<number> {
  const session = await Session.load(model, { device: "cpu" });
  const { y } = await session.run({ x: f32([3, 2], [1, 0, 0, 1, 1, 1]) });
  await session.release();
  return y!.data[0] as number;
}

it("reads weights through symbolic links that leave the model's folder", async () => {
  const blobs = join(root, "blobs");
  const snapshot = join(root, "snapshots", "main");
  mkdirSync(blobs);
  mkdirSync(snapshot, { recursive: true });
  const model = linearStack(2, 1, join(blobs, "sha256-abc"), "weights/0-unet.safetensors");
  const expected = await firstOutput(model);
  expect(Math.abs(expected)).toBeGreaterThan(2 ** -7);
  const link = join(snapshot, "unet.safetensors");
  symlinkSync(join(blobs, "sha256-abc"), link);
  const linked = { bytes: model.bytes, externalFiles: new Map([["weights/0-unet.safetensors", link]]) };
  expect(await firstOutput(linked)).toBe(expected);
});

it("finds the weights of a model file beside it", async () => {
  const folder = join(root, "beside");
  mkdirSync(folder);
  const model = linearStack(2, 1, join(folder, "w.bin"), "w.bin");
  const expected = await firstOutput(model);
  writeFileSync(join(folder, "model.onnx"), model.bytes);
  expect(await firstOutput(join(folder, "model.onnx"))).toBe(expected);
  renameSync(join(folder, "w.bin"), join(folder, "elsewhere.bin"));
  await expect(firstOutput(join(folder, "model.onnx"))).rejects.toThrow(CheckpointError);
});

it("says which weights are missing, unknown or cut short", async () => {
  const file = join(root, "w.safetensors");
  const { bytes } = linearStack(2, 1, file, "weights/w");
  await expect(openGraph({ bytes, externalFiles: new Map([["weights/w", join(root, "none")]]) })).rejects.toThrow(
    /weights file .*none is missing/,
  );
  const unknown = await openGraph({ bytes, externalFiles: new Map([["weights/v", file]]) });
  expect(() => placeWeights(unknown)).toThrow(/layer\.0\.weight: no file is known for its location "weights\/w"/);
  writeFileSync(file, Buffer.alloc(14));
  await expect(firstOutput({ bytes, externalFiles: new Map([["weights/w", file]]) })).rejects.toThrow(CheckpointError);
});

it("finds the folder that holds all files", () => {
  const common = (...files: string[]) => commonFolder(files.map((file) => resolve(file)));
  expect(common("/a/b/c.bin")).toBe(resolve("/a/b"));
  expect(common("/a/b/c.bin", "/a/bc/d.bin")).toBe(resolve("/a"));
  expect(common("/a/b/c.bin", "/x/d.bin", "/a/e.bin")).toBe(resolve("/"));
});
