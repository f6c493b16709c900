import { describe, expect, test } from "vitest";
import { applyAffine } from "../image/affine.js";
import { image } from "../image/image.js";
import { ladder, mapBox, turnImage } from "./ladder.js";

/** 5 x 3 pixels, each of another colour. */
const picture = image(
  5,
  3,
  Uint8Array.from({ length: 45 }, (_, i) => i),
);
const pixel = ({ data, widthPx }: typeof picture, x: number, y: number) => data[3 * (y * widthPx + x)];

test.each([90, 180, 270] as const)("turned by %d, every pixel is found again", (degrees) => {
  const { view, toImage } = turnImage(picture, degrees);
  expect([view.widthPx, view.heightPx]).toEqual(degrees === 180 ? [5, 3] : [3, 5]);
  for (let y = 0; y < view.heightPx; y++) {
    for (let x = 0; x < view.widthPx; x++) {
      const [sourceX, sourceY] = applyAffine(toImage, [x, y]);
      expect(pixel(view, x, y)).toBe(pixel(picture, sourceX, sourceY));
    }
  }
});

test("turning is clockwise: the top left corner goes to the top right", () => {
  const { view } = turnImage(picture, 90);
  expect(pixel(view, 2, 0)).toBe(pixel(picture, 0, 0));
  expect(pixel(view, 2, 4)).toBe(pixel(picture, 4, 0));
});

test("boxes turn by their edges", () => {
  // The two left columns of the picture are the two top rows of the view.
  expect(mapBox(turnImage(picture, 90).toImage, [0, 0, 3, 2])).toEqual([0, 0, 2, 3]);
  expect(mapBox(turnImage(picture, 270).toImage, [0, 0, 3, 2])).toEqual([3, 0, 5, 3]);
});

describe("the rungs", () => {
  const rungs = [...ladder(picture, [2, 4])];

  test("in their order", () => {
    expect(rungs.map(({ rung }) => rung)).toEqual([
      "as it is",
      "padded",
      "turned by 90",
      "turned by 270",
      "turned by 180",
      "zoom 2",
      "zoom 4",
    ]);
    expect(rungs.map(({ zoom }) => zoom)).toEqual([1, 1, 1, 1, 1, 2, 4]);
  });

  test.each(rungs)("$rung: the image lies in the view where the map says", ({ view, toImage }) => {
    let found = 0;
    for (let y = 0; y < view.heightPx; y++) {
      for (let x = 0; x < view.widthPx; x++) {
        const [sourceX, sourceY] = applyAffine(toImage, [x, y]);
        if (sourceX < 0 || sourceY < 0 || sourceX > 4 || sourceY > 2) continue;
        expect(pixel(view, x, y)).toBe(pixel(picture, sourceX, sourceY));
        found++;
      }
    }
    expect(found).toBe(15);
  });
});
