import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { schematicFace } from "../../test/support/schematic-face.js";
import { writeDataset } from "../../test/support/training.js";
import { solidImage } from "../image/image.js";
import { Dataset } from "./dataset.js";
import { type MixOptions, mixDataset } from "./mix.js";

const root = mkdtempSync(join(tmpdir(), "arc2face-mix-"));
const at = (name: string) => join(root, name);
beforeAll(async () => {
  await writeDataset(at("heads"), { count: 6, sizePx: 128 });
  await writeDataset(at("faces"), { count: 4, sizePx: 128 });
  await writeDataset(at("small"), { count: 4, sizePx: 64 });
});
afterAll(() => rmSync(root, { recursive: true }));

/** Everybody has the same face; a mixture's embedding is the colour between the eyes. */
const landmarks: MixOptions["landmarks"] = {
  locate: async () => ({ points: schematicFace(38), disagreement: 0 }),
};
const idOf = async () => (await dataset("heads", ({ index }) => index)).embeddings.recogniser;
async function dataset<T>(name: string, read: (dataset: Dataset) => T | Promise<T>): Promise<T> {
  const opened = await Dataset.open(at(name));
  try {
    return await read(opened);
  } finally {
    await opened.close();
  }
}

async function mix(out: string, options: Partial<MixOptions> = {}) {
  const id = await idOf();
  return mixDataset({
    ...{ heads: at("heads"), faces: at("faces"), out: at(out), count: 12, leastShare: 0.5, seed: 1, landmarks },
    recogniser: {
      id,
      align: (image) => solidImage(112, 112, [image.data[3 * (60 * 128 + 64)]!, 0, 0]),
      embed: async (crops) =>
        crops.map(({ data }) => ({
          embedding: Float32Array.of(data[0]! / 255, 0, 0, 0, 0, 1),
          norm: 1,
          recogniser: id,
        })),
    },
    ...options,
  });
}

describe("mixDataset", () => {
  it("gives heads other faces, embedded anew", async () => {
    const index = await mix("mixed");
    expect(index.count + index.skipped).toBe(12);
    expect(index.count).toBeGreaterThan(3);
    await dataset("mixed", async (mixed) => {
      for (let row = 0; row < mixed.count; row++) {
        const image = await mixed.readImage(row);
        expect((await mixed.readEmbedding(row))[0]).toBeCloseTo(image[3 * (60 * 128 + 64)]! / 255, 6);
        // The corner is that of one of the heads.
        const corners = await dataset("heads", async (heads) =>
          Promise.all(Array.from({ length: 6 }, async (_, i) => (await heads.readImage(i)).slice(0, 3).join())),
        );
        expect(corners).toContain(image.slice(0, 3).join());
      }
    });
  });

  it("makes the same again after an interruption, and other faces with another seed", async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("stop"));
    await expect(mix("resumed", { signal: controller.signal, onProgress })).rejects.toThrow("stop");
    await expect(mix("resumed", { seed: 2 })).rejects.toThrow(/begun with other/);
    const whole = JSON.parse(await readFile(at("mixed/dataset.json"), "utf8"));
    expect(await mix("resumed")).toEqual(whole);
    expect((await mix("other", { seed: 2 })).images.sha256).not.toBe(whole.images.sha256);
  });

  it("leaves out faces that it cannot see, and those that stand like no head", async () => {
    const unsure = { locate: async () => ({ points: schematicFace(38), disagreement: 0.2 }) };
    await expect(mix("unsure", { landmarks: unsure })).rejects.toThrow(/none of 12 has a face/);
    expect(await readFile(at("unsure/skipped.jsonl"), "utf8")).toMatch(/landmarks are unsure/);
    let looks = 0;
    const turned = { locate: async () => ({ points: schematicFace(looks++ === 0 ? 38 : 4), disagreement: 0 }) };
    await expect(mix("turned", { landmarks: turned, count: 1 })).rejects.toThrow(/none of 1/);
    expect(await readFile(at("turned/skipped.jsonl"), "utf8")).toMatch(/no head stands like it/);
  });

  it("refuses datasets of other sizes or of another recogniser", async () => {
    await expect(mix("x", { faces: at("small") })).rejects.toThrow(/differ in the size/);
    const id = { name: "other", sha256: "f".repeat(64) };
    const other = { id, align: (image: never) => image, embed: async () => [] };
    await expect(mix("x", { recogniser: other })).rejects.toThrow(/embedded by another recogniser/);
  });
});
