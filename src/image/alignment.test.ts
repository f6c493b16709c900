import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { type Affine, applyAffine, type Point } from "./affine.js";
import { alignArcFace, arcFaceTemplate, arcFaceTransform } from "./arcface.js";
import { decodeImage } from "./decode.js";
import { alignFfhq } from "./ffhq.js";
import { ffhqSquare } from "./ffhq-square.js";
import { type Image, solidImage } from "./image.js";

// Made by reference/alignment.py with scikit-image, OpenCV, Pillow and SciPy.
const fixture = (name: string) => fileURLToPath(new URL(`../../test/fixtures/image/${name}`, import.meta.url));
const readJson = async <T>(name: string): Promise<T> => JSON.parse(await readFile(fixture(name), "utf8")) as T;
const photo = await decodeImage(fixture("photo-200x160.png"));

function psnr(actual: Image, expected: Image): number {
  expect([actual.widthPx, actual.heightPx]).toEqual([expected.widthPx, expected.heightPx]);
  let squares = 0;
  for (const [i, value] of actual.data.entries()) squares += (value - expected.data[i]!) ** 2;
  return 10 * Math.log10((255 ** 2 * actual.data.length) / squares);
}

describe("ArcFace crop", async () => {
  const cases = await readJson<{ name: string; points5: Point[]; matrix: Affine }[]>("arcface.json");

  test.each(cases)("$name: the transform is scikit-image's", ({ points5, matrix }) => {
    // Its template is float32, ours float64: 4e-6 of 100 pixels.
    for (const [i, value] of arcFaceTransform(points5).entries()) expect(value).toBeCloseTo(matrix[i]!, 4);
  });

  test.each(cases)("$name: the crop is OpenCV's, within one level of rounding", async ({ name, points5 }) => {
    const expected = await decodeImage(fixture(`arcface-${name}.png`));
    const crop = alignArcFace(photo, points5);
    for (const [i, value] of crop.data.entries()) expect(Math.abs(value - expected.data[i]!)).toBeLessThanOrEqual(1);
    expect(psnr(crop, expected)).toBeGreaterThan(70);
  });

  test("beyond the image it is black", () => {
    const white = solidImage(40, 40, [255, 255, 255]);
    const shifted = arcFaceTemplate.map(([x, y]) => [x - 80, y] as const);
    const { data } = alignArcFace(white, shifted);
    const row = [...data.subarray(20 * 112 * 3, 21 * 112 * 3)].filter((_, i) => i % 3 === 0);
    expect(row.slice(0, 79)).toEqual(new Array(79).fill(0)); // the image starts at column 80
    expect(row.slice(81)).toEqual(new Array(31).fill(255));
  });

  test("points that are too few, not finite or all the same are refused", () => {
    const points = arcFaceTemplate.slice();
    expect(() => alignArcFace(photo, points.slice(1))).toThrow(InputError);
    expect(() => alignArcFace(photo, [...points.slice(1), [Number.NaN, 3]])).toThrow(InputError);
    expect(() => alignArcFace(photo, new Array(5).fill([7, 7]))).toThrow(InputError);
  });
});

describe("FFHQ crop", async () => {
  const cases =
    await readJson<{ name: string; sizePx: number; landmarks68: Point[]; quad: Point[]; sidePx: number }[]>(
      "ffhq.json",
    );

  test.each(cases)("$name: the square is the published one", ({ landmarks68, quad, sidePx }) => {
    const { corner, across, down, sidePx: side } = ffhqSquare(landmarks68);
    expect(side).toBeCloseTo(sidePx, 6);
    const corners = [
      corner,
      [corner[0] + down[0], corner[1] + down[1]],
      [corner[0] + across[0] + down[0], corner[1] + across[1] + down[1]],
      [corner[0] + across[0], corner[1] + across[1]],
    ];
    for (const [i, [x, y]] of quad.entries()) {
      expect(corners[i]![0]).toBeCloseTo(x, 6);
      expect(corners[i]![1]).toBeCloseTo(y, 6);
    }
  });

  // What is left are 8-bit roundings between the steps, and fewer samples than the 4096 of the source.
  test.each(cases)("$name: the crop is the published one, at 45 dB and more", async ({ name, sizePx, landmarks68 }) => {
    const expected = await decodeImage(fixture(`ffhq-${name}.png`));
    expect(psnr(await alignFfhq(photo, landmarks68, sizePx), expected)).toBeGreaterThan(45);
  });

  test("the middle of the eyes and of the mouth lie where FFHQ has them", () => {
    const { corner, across, sidePx } = ffhqSquare(upright(300, 200, 100));
    expect(across).toEqual([sidePx, 0]);
    // Eyes 100 apart, mouth 100 below: 2 x max(200, 180) = 400, centred 10 below the eyes.
    expect(sidePx).toBeCloseTo(400, 9);
    expect(corner).toEqual([expect.closeTo(100, 9), expect.closeTo(10, 9)]);
  });

  test("a face far in the corner, and one cut by every side", async () => {
    for (const landmarks of [upright(2, 3, 40), upright(100, 80, 90)]) {
      const crop = await alignFfhq(photo, landmarks, 64);
      expect([crop.widthPx, crop.heightPx]).toEqual([64, 64]);
    }
  });

  test("landmarks that are no face, or not of this image, are refused", async () => {
    await expect(alignFfhq(photo, new Array(68).fill([5, 5]), 64)).rejects.toThrow("coincide");
    await expect(alignFfhq(photo, upright(5000, 5000, 40), 64)).rejects.toThrow("outside of the image");
    await expect(alignFfhq(photo, upright(-1e9, 0, 40), 64)).rejects.toThrow("outside of the image");
    await expect(alignFfhq(photo, upright(100, 80, 40).slice(1), 64)).rejects.toThrow("68 points");
    await expect(alignFfhq(photo, upright(100, 80, 40), 0)).rejects.toThrow("size");
  });

  test("a face a million pixels wide does not take memory to match", async () => {
    const crop = await alignFfhq(photo, upright(100, 80, 1e6), 32).catch((error: unknown) => error);
    expect(crop instanceof InputError || (crop as Image).widthPx === 32).toBe(true);
  });
});

test("applyAffine agrees with the crop's pixels", () => {
  const transform = arcFaceTransform(arcFaceTemplate.map(([x, y]) => [2 * x + 10, 2 * y - 6] as const));
  const [x, y] = applyAffine(transform, [110, 94]);
  expect([x, y]).toEqual([expect.closeTo(50, 9), expect.closeTo(50, 9)]);
});

/** Eyes `widthPx` apart around (x, y), mouth as far below them. */
function upright(x: number, y: number, widthPx: number): Point[] {
  const landmarks: Point[] = new Array(68).fill([x, y]);
  landmarks.fill([x - widthPx / 2, y], 36, 42);
  landmarks.fill([x + widthPx / 2, y], 42, 48);
  landmarks[48] = [x - widthPx / 3, y + widthPx];
  landmarks[54] = [x + widthPx / 3, y + widthPx];
  return landmarks;
}
