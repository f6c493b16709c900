import { afterAll, beforeAll, expect, test } from "vitest";
import { PersonMask } from "../../src/face/person-mask.js";
import { image } from "../../src/image/image.js";
import { resizeImage } from "../../src/image/resize.js";
import { readJson } from "../support/fixtures.js";

// The network that ships, against TensorFlow.js's own run of the file that it was made from (reference/selfie.mjs).

function isWithin([x, y]: readonly [number, number], cx: number, cy: number, rx: number, ry: number): boolean {
  return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1;
}

/** A head and shoulders before a gradient. */
function colourAt(x: number, y: number): number[] {
  const at = [x, y] as const;
  if (isWithin(at, 108, 118, 6, 4) || isWithin(at, 148, 118, 6, 4)) return [60, 40, 30];
  if (isWithin(at, 128, 165, 18, 5)) return [160, 70, 70];
  if (isWithin(at, 128, 130, 46, 60)) return [224, 180, 150];
  if (isWithin(at, 128, 115, 60, 72)) return [60, 40, 30];
  if (isWithin(at, 128, 280, 110, 80)) return [40, 60, 110];
  return [60, 80, 100].map((base) => Math.floor((x + y) / 4) + base);
}

const pixels = Array.from({ length: 256 * 256 }, (_, i) => colourAt(i % 256, Math.floor(i / 256)));
const figure = image(256, 256, Uint8Array.from(pixels.flat()));

let mask: PersonMask;
beforeAll(async () => {
  mask = await PersonMask.load({ device: "cpu", threads: 1 });
});
afterAll(() => mask.release());

test("masks are those of TensorFlow.js", async () => {
  const expected = (await readJson("parity/selfie.json")) as number[];
  const found = await mask.find(figure);
  const errors = expected.map((value, i) => Math.abs(value - found[256 * 8 * Math.floor(i / 32) + 8 * (i % 32)]!));
  // Half a step of 1/255, and sums of float32 in another order through fifty layers.
  expect(Math.max(...errors)).toBeLessThan(0.5 / 255 + 5e-4);
  expect(expected.filter((value) => value > 0.1 && value < 0.9).length).toBeGreaterThan(50);
});

test("has the photo's size, and follows it", async () => {
  const wide = await resizeImage(figure, 300, 150);
  const found = await mask.find(wide);
  const whole = await mask.find(figure);
  expect(found.length).toBe(300 * 150);
  const differences = Array.from(found, (value, i) => {
    const [x, y] = [Math.floor((256 * ((i % 300) + 0.5)) / 300), Math.floor((256 * (Math.floor(i / 300) + 0.5)) / 150)];
    return Math.abs(value - whole[256 * y + x]!);
  });
  expect(differences.reduce((a, b) => a + b) / differences.length).toBeLessThan(0.03);
});
