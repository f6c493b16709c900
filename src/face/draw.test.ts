import { expect, test } from "vitest";
import { solidImage } from "../image/image.js";
import { drawFaces } from "./draw.js";

test("box, landmarks and points are drawn where they are, in their colours", async () => {
  const photo = solidImage(400, 300, [100, 100, 100]);
  const face = {
    box: [50, 40, 250, 240] as const,
    score: 1,
    landmarks: [[300, 20] as const],
    points5: [[320, 260] as const],
    disagreement: 0,
    rung: "as it is" as const,
  };
  const drawn = await drawFaces(photo, [face]);
  const at = (x: number, y: number) => [...drawn.data.subarray(3 * (y * 400 + x), 3 * (y * 400 + x) + 3)];
  expect([drawn.widthPx, drawn.heightPx, drawn.data.length]).toEqual([400, 300, 3 * 400 * 300]);
  expect([at(50, 140), at(150, 239), at(300, 20), at(320, 260)]).toEqual([
    [0, 255, 0],
    [0, 255, 0],
    [0, 255, 255],
    [255, 0, 0],
  ]);
  expect(at(150, 140)).toEqual([100, 100, 100]);
  expect(Buffer.compare((await drawFaces(photo, [])).data, photo.data)).toBe(0);
});
