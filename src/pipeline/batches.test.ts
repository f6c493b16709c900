import { beforeAll, expect, it } from "vitest";
import { fixture } from "../../test/support/fixtures.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { chooseBatchSize } from "./batches.js";
import { type ModelFolder, openModelFolder } from "./model-folder.js";

let folder: ModelFolder;
beforeAll(async () => {
  folder = await openModelFolder(fixture("tiny"), cacheFolder());
});

/** Latents are 4 pixels wide; 28 maps of 12 channels, float32. */
const bytesPerImage = (widthPx: number, heightPx: number) => (widthPx / 4) * (heightPx / 4) * 12 * 28 * 4;
const choose = (widthPx: number, heightPx: number, scale = 1) =>
  chooseBatchSize(folder, { widthPx, heightPx, guidance: { scale } });

it("keeps activations below 2 GiB", () => {
  const [widthPx, heightPx] = [4096, 2048];
  expect(choose(widthPx, heightPx)).toBe(3);
  expect(3 * bytesPerImage(widthPx, heightPx)).toBeLessThanOrEqual(2 ** 31);
  expect(4 * bytesPerImage(widthPx, heightPx)).toBeGreaterThan(2 ** 31);
});

it("counts both branches of guidance", () => {
  expect(choose(4096, 1024)).toBe(6);
  expect(choose(4096, 1024, 3)).toBe(3);
  expect(choose(4096, 1024, 0)).toBe(3);
});

it("is at least 1, however large the image, and at most 16", () => {
  expect(choose(32_768, 16_384)).toBe(1);
  expect(choose(48, 24)).toBe(16);
});
