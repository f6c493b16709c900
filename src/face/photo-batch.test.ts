import { setImmediate as later } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { forEachPhoto, mapPhotos } from "./photo-batch.js";

const photos = ["a", "b", "c", "d", "e", "f", "g"].map((path) => ({ path }));

describe("forEachPhoto", () => {
  test("keeps the order, and names each photo that failed", async () => {
    const work = async ({ path }: { path: string }) => {
      if (path === "a") for (let i = 0; i < 9; i++) await later(); // done last
      if (path === "c") throw new InputError("no face");
      if (path === "d") throw new InputError("d: cut short");
      return path.toUpperCase();
    };
    const progress: number[] = [];
    const results = await forEachPhoto(photos, work, { onProgress: (done, total) => progress.push(done / total) });
    expect(results.map((result) => ("value" in result ? result.value : result.error.message))).toEqual([
      "A",
      "B",
      "c: no face",
      "d: cut short",
      "E",
      "F",
      "G",
    ]);
    expect(progress).toEqual([1, 2, 3, 4, 5, 6, 7].map((done) => done / 7));
  });

  test("what is no photo's fault ends all", async () => {
    const seen: string[] = [];
    const work = async ({ path }: { path: string }) => {
      seen.push(path);
      await later();
      if (path === "b") throw new TypeError("a bug");
    };
    await expect(forEachPhoto(photos, work)).rejects.toThrow("a bug");
    for (let i = 0; i < 9; i++) await later();
    expect(seen.length).toBeLessThan(photos.length);
  });
});

describe("mapPhotos", () => {
  test("works on three at once", async () => {
    let running = 0;
    let most = 0;
    await mapPhotos(photos, async () => {
      most = Math.max(most, ++running);
      await later();
      running--;
    });
    expect(most).toBe(3);
  });

  test("stops when it is aborted", async () => {
    const controller = new AbortController();
    let begun = 0;
    const work = async () => {
      if (++begun === 4) controller.abort(new Error("enough"));
    };
    await expect(mapPhotos(photos, work, { signal: controller.signal })).rejects.toThrow("enough");
    expect(begun).toBeLessThan(photos.length);
  });
});
