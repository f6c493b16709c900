import { expect } from "vitest";
import type { Image } from "../../src/image/image.js";

/** Peak signal-to-noise ratio of two images of one size, in decibels; infinite if they are equal. */
export function psnr(a: Image, b: Image): number {
  expect([a.widthPx, a.heightPx]).toEqual([b.widthPx, b.heightPx]);
  const squares = a.data.reduce((sum, value, i) => sum + (value - (b.data[i] as number)) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / a.data.length));
}
