import { expect, test } from "vitest";
import { ShapeError } from "../errors.js";
import { image, solidImage } from "../image/image.js";
import { luma, packRgb } from "./network-input.js";

const picture = image(3, 1, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
const plain = { mean: 0, std: 1 };

test("pixels become planes, in either order of channels", () => {
  expect(packRgb([picture], plain).shape).toEqual([1, 3, 1, 3]);
  expect([...packRgb([picture], plain).data]).toEqual([1, 4, 7, 2, 5, 8, 3, 6, 9]);
  expect([...packRgb([picture], { ...plain, order: "bgr" }).data]).toEqual([3, 6, 9, 2, 5, 8, 1, 4, 7]);
});

test("several images follow each other; values are scaled", () => {
  const packed = packRgb([solidImage(2, 1, [127, 128, 255]), solidImage(2, 1, [0, 127, 1])], { mean: 127, std: 128 });
  expect(packed.shape).toEqual([2, 3, 1, 2]);
  expect([...packed.data]).toEqual([
    0,
    0,
    1 / 128,
    1 / 128,
    1,
    1,
    -127 / 128,
    -127 / 128,
    0,
    0,
    -126 / 128,
    -126 / 128,
  ]);
});

test("images of different sizes are refused", () => {
  expect(() => packRgb([picture, solidImage(1, 3, [0, 0, 0])], plain)).toThrow(ShapeError);
});

test("green counts most for brightness, blue least", () => {
  const grey = luma(image(3, 1, Uint8Array.of(100, 0, 0, 0, 100, 0, 0, 0, 100)));
  for (const [i, value] of [29.9, 58.7, 11.4].entries()) expect(grey[i]).toBeCloseTo(value, 4);
});
