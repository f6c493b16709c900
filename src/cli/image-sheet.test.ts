import { expect, test } from "vitest";
import { solidImage } from "../image/image.js";
import { ImageSheet } from "./image-sheet.js";

/** Size of the sheet of `people` times `count` images of 32 x 16 pixels, in cells (32 and a gutter of 8, captions of 20). */
async function cells(people: number, count: number): Promise<[columns: number, rows: number]> {
  const sheet = new ImageSheet(people, count);
  for (let i = 0; i < people * count; i++) await sheet.add(solidImage(32, 16, [0, 0, 0]), String(i));
  const { widthPx, heightPx } = await sheet.make();
  return [(widthPx - 8) / 40, (heightPx - 8) / 60];
}

test.each([
  ["one person: a square", 1, 5, [3, 2]],
  ["several: a row for each", 3, 4, [4, 3]],
  ["many with few images: rows side by side", 18, 2, [6, 6]],
  ["a single image", 1, 1, [1, 1]],
])("%s", async (_, people, count, expected) => {
  expect(await cells(people, count)).toEqual(expected);
});

test("large images are shrunk, and keep their proportions", async () => {
  const sheet = new ImageSheet(1, 1);
  await sheet.add(solidImage(1024, 512, [9, 9, 9]), "");
  const { widthPx, data } = await sheet.make();
  expect(widthPx).toBe(512 + 16);
  const dark = data.filter((value, i) => i % 3 === 0 && value === 9).length;
  expect(dark).toBe(512 * 256);
});

test("more images than can be told apart are refused", () => {
  expect(() => new ImageSheet(200, 200)).not.toThrow();
  expect(() => new ImageSheet(1000, 1000)).toThrow("more than one sheet can show");
});
