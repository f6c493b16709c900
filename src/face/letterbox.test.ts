import { expect, test } from "vitest";
import { solidImage } from "../image/image.js";
import { cropImage, letterbox, pasteImage } from "./letterbox.js";

const red = [200, 0, 0] as const;
const grey = [9, 9, 9] as const;
const at = ({ data, widthPx }: { data: Uint8Array; widthPx: number }, x: number, y: number) => [
  ...data.subarray(3 * (y * widthPx + x), 3 * (y * widthPx + x) + 3),
];

test("a wide image fills the width, a tall one the height; the rest is background", async () => {
  const wide = await letterbox(solidImage(40, 10, [...red]), 20, 15, grey);
  expect([wide.image.widthPx, wide.image.heightPx, wide.scale]).toEqual([20, 15, 0.5]);
  expect([at(wide.image, 19, 4), at(wide.image, 0, 5)]).toEqual([[...red], [...grey]]);
  const tall = await letterbox(solidImage(5, 30, [...red]), 20, 15, grey);
  expect(tall.scale).toBe(0.5);
  expect([at(tall.image, 1, 14), at(tall.image, 2, 0)]).toEqual([[...red], [...grey]]);
});

test("an image that fits is taken as it is", async () => {
  const source = solidImage(20, 15, [...red]);
  expect(await letterbox(source, 20, 15, grey)).toEqual({ image: source, scale: 1 });
});

test("a line of a thousand pixels keeps one pixel of height", async () => {
  const { image } = await letterbox(solidImage(1000, 1, [...red]), 20, 15, grey);
  expect([at(image, 10, 0), at(image, 10, 1)]).toEqual([[...red], [...grey]]);
});

test("what is pasted is cut out again", () => {
  const small = solidImage(3, 2, [...red]);
  const canvas = solidImage(10, 7, [...grey]);
  pasteImage(canvas, small, 6, 5);
  expect(cropImage(canvas, 6, 5, 3, 2)).toEqual(small);
  expect(at(canvas, 5, 5)).toEqual([...grey]);
  expect(at(canvas, 6, 4)).toEqual([...grey]);
});
