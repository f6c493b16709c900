import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import type { Point } from "./affine.js";
import { decodeImage } from "./decode.js";
import { warpMesh } from "./mesh-warp.js";

const fixture = (name: string) => fileURLToPath(new URL(`../../test/fixtures/image/${name}`, import.meta.url));
const photo = await decodeImage(fixture("photo-200x160.png"));

describe("warpMesh", () => {
  test("is scikit-image's piecewise affine warp", async () => {
    const { from, to } = JSON.parse(await readFile(fixture("mesh.json"), "utf8")) as { from: Point[]; to: Point[] };
    const expected = await decodeImage(fixture("mesh.png"));
    const warped = warpMesh(photo, from, to);
    const differences = warped.data.map((value, i) => Math.abs(value - expected.data[i]!));
    // Rounding; four points on one circle may be cut either way, but these are drawn by chance.
    expect(Math.max(...differences)).toBeLessThanOrEqual(1);
    expect(differences.filter((difference) => difference > 0).length).toBeLessThan(0.001 * differences.length);
  });

  test("leaves an image whose points stay", () => {
    const corners: Point[] = [0, 159].flatMap((y) => [0, 199].map((x): Point => [x, y]));
    expect(warpMesh(photo, corners, corners)).toEqual(photo);
  });

  test("refuses what is no mesh", () => {
    const two: Point[] = [
      [0, 0],
      [1, 1],
    ];
    expect(() => warpMesh(photo, two, two)).toThrow(InputError);
    expect(() => warpMesh(photo, [...two, [3, 1]], two)).toThrow(/3 points/);
    expect(() => warpMesh(photo, [...two, [Number.NaN, 1]], [...two, [3, 1]])).toThrow(InputError);
  });
});
