import { beforeAll, expect, it } from "vitest";
import { fixture } from "../../test/support/fixtures.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { chooseBatchSize } from "./batches.js";
import { type ModelFolder, openModelFolder } from "./model-folder.js";

let folder: ModelFolder;
beforeAll(async () => {
  folder = await openModelFolder(fixture("tiny"), cacheFolder());
});

/** Latents are 4 pixels wide, 12 x 6 of them; 28 maps of 12 channels, float32. */
const size = { widthPx: 48, heightPx: 24 };
const bytesPerBranch = 12 * 6 * 12 * 28 * 4;
const choose = (freeBytes: number, scale = 1) => chooseBatchSize(folder, { ...size, guidance: { scale } }, freeBytes);

it("uses half of the free memory", () => {
  expect(choose(2 * 5 * bytesPerBranch)).toBe(5);
  expect(choose(2 * 5 * bytesPerBranch - 1)).toBe(4);
});

it("counts both branches of guidance", () => {
  expect(choose(2 * 5 * bytesPerBranch, 3)).toBe(2);
  expect(choose(2 * 5 * bytesPerBranch, 0)).toBe(2);
});

it("is at least 1, whatever is free, and at most 16", () => {
  expect(choose(0)).toBe(1);
  expect(choose(2 ** 40)).toBe(16);
});
