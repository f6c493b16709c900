import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { angle, fakeJudges, personPhoto } from "../../test/support/fake-generator.js";
import { tinyAutoencoder, writeDataset } from "../../test/support/training.js";
import { Dataset } from "../data/dataset.js";
import { cosine } from "../face/identity.js";
import { solidImage } from "../image/image.js";
import { evaluateReconstruction, type Reconstruction, summariseReconstruction } from "./reconstruction.js";
import { psnr } from "./similarities.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "reconstruction-"));
  await writeDataset(folder, { count: 6 });
});
afterAll(() => rm(folder, { recursive: true }));

async function evaluate(options: { limit?: number; signal?: AbortSignal } = {}) {
  const dataset = await Dataset.open(folder);
  const autoencoder = await tinyAutoencoder();
  const judged = { dataset, autoencoder, judges: fakeJudges, limit: 6, device: "cpu", threads: 1, ...options } as const;
  return evaluateReconstruction(judged).finally(() => dataset.close());
}

describe("evaluateReconstruction", () => {
  test("compares each image with what the autoencoder makes of it", async () => {
    const results = await evaluate({ limit: 3 });
    expect(results).toHaveLength(3);
    const dataset = await Dataset.open(folder);
    for (const [i, { original, reconstruction, psnr: measured, input, face }] of results.entries()) {
      expect(original.data).toEqual(await dataset.readImage(2 * i));
      expect(reconstruction.data).not.toEqual(original.data);
      const errors = Array.from(original.data, (value, k) => (value - reconstruction.data[k]!) ** 2);
      const meanSquare = errors.reduce((sum, value) => sum + value) / errors.length;
      expect(measured).toBeCloseTo(20 * Math.log10(255 / Math.sqrt(meanSquare)), 6);
      expect(cosine(input.first, angle(original.data[0]!))).toBeCloseTo(1, 6);
      expect(cosine(face!.first, angle(reconstruction.data[0]!))).toBeCloseTo(1, 6);
    }
    await dataset.close();
  });

  test("ends when it is told to", async () => {
    const controller = new AbortController();
    controller.abort(new Error("stop"));
    await expect(evaluate({ signal: controller.signal })).rejects.toThrow("stop");
  });
});

describe("figures", () => {
  const one = (degrees: number | undefined): Reconstruction => ({
    original: personPhoto(0),
    reconstruction: personPhoto(0),
    psnr: 20 + (degrees ?? 0),
    input: { first: angle(0), second: angle(0) },
    face: degrees === undefined ? undefined : { first: angle(degrees), second: angle(degrees / 2) },
  });

  test("are means over the faces, and shares of all images", () => {
    const results = [one(0), one(90), one(undefined), one(60)];
    const thresholds = [
      { name: "first", threshold: 0.4 },
      { name: "second", threshold: null },
    ] as const;
    expect(summariseReconstruction(results, ...thresholds)).toEqual({
      images: 4,
      psnr: expect.closeTo(20 + 150 / 4, 6),
      meanSimilarity: expect.closeTo(0.5, 6),
      shareAboveThreshold: 0.5,
      shareFaceFound: 0.75,
      secondRecogniser: {
        name: "second",
        meanSimilarity: expect.closeTo((1 + Math.SQRT1_2 + Math.sqrt(3) / 2) / 3, 6),
        shareAboveThreshold: null,
      },
    });
  });

  test("psnr is 20 log10 of 255 over the error's root mean square", () => {
    expect(psnr(solidImage(4, 4, [10, 20, 30]), solidImage(4, 4, [20, 10, 40]))).toBeCloseTo(28.1308, 4);
    expect(psnr(solidImage(4, 4, [1, 2, 3]), solidImage(4, 4, [1, 2, 3]))).toBe(Number.POSITIVE_INFINITY);
  });
});
