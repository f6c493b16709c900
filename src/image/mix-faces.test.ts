import { describe, expect, test } from "vitest";
import { schematicFace } from "../../test/support/schematic-face.js";
import type { Point } from "./affine.js";
import { type Image, solidImage } from "./image.js";
import { mixFaces, shapeDistance } from "./mix-faces.js";

const grey = (level: number): Image => solidImage(128, 128, [level, level, level]);
const narrow = schematicFace(34);
const wide = schematicFace(42);
const red = ({ data, widthPx }: Image, x: number, y: number) => data[3 * (y * widthPx + x)];

/** Stripes within the face, one colour around it. */
function striped(background: number): Image {
  const picture = grey(background);
  for (let y = 45; y < 110; y++) {
    for (let x = 30; x < 98; x++) picture.data.fill(x % 8 < 4 ? 80 : 160, 3 * (y * 128 + x), 3 * (y * 128 + x) + 3);
  }
  return picture;
}

describe("mixFaces", () => {
  test("nothing of the other face is the head as it was", () => {
    const head = { image: striped(30), landmarks: narrow };
    const mixed = mixFaces(head, { image: grey(200), landmarks: wide }, 0);
    expect(mixed.image).toEqual(head.image);
    for (const [i, [x, y]] of mixed.landmarks.entries()) {
      expect(Math.hypot(x - narrow[i]![0], y - narrow[i]![1])).toBeLessThan(1e-9);
    }
  });

  test("all of it: its shape and its pattern within the face, the head's colour, and the head's background", () => {
    const mixed = mixFaces({ image: grey(120), landmarks: wide }, { image: striped(0), landmarks: wide }, 1);
    expect(red(mixed.image, 2, 2)).toBe(120);
    const across = Array.from({ length: 24 }, (_, i) => red(mixed.image, 52 + i, 75)!);
    expect(Math.max(...across) - Math.min(...across)).toBeGreaterThan(30);
    expect(across.reduce((a, b) => a + b) / across.length).toBeCloseTo(120, -1);
  });

  test("the shape lies between the two", () => {
    const { landmarks } = mixFaces({ image: grey(90), landmarks: narrow }, { image: grey(90), landmarks: wide }, 0.5);
    const jaw = landmarks[16]![0] - landmarks[0]![0];
    expect(jaw).toBeGreaterThan(70);
    expect(jaw).toBeLessThan(82);
  });

  test("says how badly the two fit along the seam", () => {
    const plain = { image: grey(120), landmarks: wide };
    expect(mixFaces(plain, { image: grey(30), landmarks: wide }, 1).seam).toBeLessThan(1);
    expect(mixFaces(plain, { image: striped(0), landmarks: wide }, 1).seam).toBeGreaterThan(10);
  });
});

test("shapes are as far apart as they differ, wherever and however large they are", () => {
  const moved = narrow.map(([x, y]): Point => [10 + 0.5 * x, 3 + 0.5 * y]);
  expect(shapeDistance(narrow, moved)).toBeCloseTo(0, 9);
  expect(shapeDistance(narrow, wide)).toBeGreaterThan(0.02);
});
