import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { type Affine, applyAffine, invertAffine, type Point } from "./affine.js";
import { estimateSimilarity } from "./similarity.js";

const triangle: Point[] = [
  [0, 0],
  [4, 0],
  [0, 3],
];

describe("estimateSimilarity", async () => {
  test("finds a quarter turn, doubled and shifted, exactly", () => {
    const moved = triangle.map(([x, y]): Point => [-2 * y + 5, 2 * x - 1]);
    for (const [i, value] of estimateSimilarity(triangle, moved).entries()) {
      expect(value).toBeCloseTo([0, -2, 5, 2, 0, -1][i]!, 12);
    }
  });

  test("never mirrors: the determinant stays positive", () => {
    const mirrored = triangle.map(([x, y]): Point => [-x, y]);
    const [a, b, , d, e] = estimateSimilarity(triangle, mirrored);
    expect(a * e - b * d).toBeGreaterThan(0);
  });

  // Exact, noisy and mirrored point sets; made by reference/alignment.py.
  const file = new URL("../../test/fixtures/image/similarity.json", import.meta.url);
  const cases = JSON.parse(await readFile(file, "utf8")) as { from: Point[]; to: Point[]; matrix: Affine }[];
  test.each(cases)("agrees with scikit-image, $from.length points", ({ from, to, matrix }) => {
    for (const [i, value] of estimateSimilarity(from, to).entries()) expect(value).toBeCloseTo(matrix[i]!, 9);
  });

  test("refuses points that fix no transform", () => {
    expect(() => estimateSimilarity([[1, 2]], [[3, 4]])).toThrow("at least 2 points");
    expect(() => estimateSimilarity(triangle, triangle.slice(1))).toThrow(InputError);
    expect(() => estimateSimilarity(new Array(3).fill([5, 5]), triangle)).toThrow("coincide");
    const cross: Point[] = [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ];
    expect(() =>
      estimateSimilarity(
        cross,
        cross.map(([x, y]) => [-x, y]),
      ),
    ).toThrow("mirrors");
  });
});

test("an inverse undoes its map", () => {
  const map: Affine = [2, -3, 5, 7, 11, -13];
  const [x, y] = applyAffine(invertAffine(map), applyAffine(map, [17, 19]));
  expect([x, y]).toEqual([expect.closeTo(17, 9), expect.closeTo(19, 9)]);
  expect(() => invertAffine([1, 2, 0, 2, 4, 0])).toThrow(InputError);
});
