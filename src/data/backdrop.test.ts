import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeDataset } from "../../test/support/training.js";
import type { Image } from "../image/image.js";
import { addBackdrops, type BackdropOptions } from "./backdrop.js";
import { Dataset } from "./dataset.js";

const root = mkdtempSync(join(tmpdir(), "arc2face-backdrop-"));
const at = (name: string) => join(root, name);
beforeAll(() => writeDataset(at("faces"), { count: 4, sizePx: 64 }));
afterAll(() => rmSync(root, { recursive: true }));

/** Of a person who fills the middle of the picture. */
const middle = ({ widthPx, heightPx }: Image) =>
  Float32Array.from({ length: widthPx * heightPx }, (_, i) => (Math.abs((i % widthPx) / widthPx - 0.5) < 0.3 ? 1 : 0));
const standing: BackdropOptions["mask"] = { find: async (photo) => middle(photo) };

const add = (out: string, options: Partial<BackdropOptions> = {}) =>
  addBackdrops({ faces: at("faces"), out: at(out), seed: 1, mask: standing, ...options });

async function rowsOf(name: string) {
  const dataset = await Dataset.open(at(name));
  const rows = Array.from({ length: dataset.count }, async (_, row) => ({
    image: await dataset.readImage(row),
    embedding: await dataset.readEmbedding(row),
  }));
  return Promise.all(rows).finally(() => dataset.close());
}
const pixel = (image: Uint8Array, x: number, y: number) =>
  Array.from(image.slice(3 * (64 * y + x), 3 * (64 * y + x) + 3));

describe("addBackdrops", () => {
  it("keeps the person and the embedding, and makes the rest a wall of light grey", async () => {
    expect(await add("plain")).toMatchObject({ count: 4, skipped: 0 });
    const before = await rowsOf("faces");
    for (const [i, { image, embedding }] of (await rowsOf("plain")).entries()) {
      expect(embedding).toEqual(before[i]!.embedding);
      expect(pixel(image, 32, 40)).toEqual(pixel(before[i]!.image, 32, 40));
      for (const [x, y] of [
        [0, 0],
        [63, 0],
        [0, 63],
        [63, 63],
      ] as const) {
        const colour = pixel(image, x, y);
        expect(Math.max(...colour) - Math.min(...colour)).toBeLessThan(60);
        for (const value of colour) expect(value).toBeGreaterThan(80);
      }
    }
    const walls = (await rowsOf("plain")).map(({ image }) => pixel(image, 0, 0).join());
    expect(new Set(walls).size).toBe(4);
  });

  it("makes the same again after an interruption, and other backdrops with another seed", async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("stop"));
    await expect(add("resumed", { signal: controller.signal, onProgress })).rejects.toThrow("stop");
    await expect(add("resumed", { seed: 2 })).rejects.toThrow(/begun with other/);
    const whole = await add("whole");
    expect(await add("resumed")).toEqual(whole);
    expect((await add("other", { seed: 2 })).images.sha256).not.toBe(whole.images.sha256);
  });

  it("leaves out photos whose person does not stand out", async () => {
    const none = { find: async (photo: Image) => middle(photo).fill(0) };
    await expect(add("none", { mask: none })).rejects.toThrow(/none of 4 has a face/);
    expect(await readFile(at("none/skipped.jsonl"), "utf8")).toMatch(/the face is not clear/);
    const smoke = { find: async (photo: Image) => middle(photo).map((value) => Math.max(value, 0.5)) };
    await expect(add("smoke", { mask: smoke })).rejects.toThrow(/none of 4/);
    expect(await readFile(at("smoke/skipped.jsonl"), "utf8")).toMatch(/does not stand out/);
  });
});
