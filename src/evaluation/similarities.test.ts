import { expect, test } from "vitest";
import { image } from "../image/image.js";
import { mean, meanAcrossGroups, meanOverPairs, pixelDistance, quantile } from "./similarities.js";

test("means and quantiles; of nothing, null", () => {
  expect(mean([1, 2, 6])).toBe(3);
  expect(mean([])).toBeNull();
  expect(quantile([4, 1, 3], 0.5)).toBe(3);
  expect(quantile([4, 1, 3], 0.75)).toBe(3.5);
  expect(quantile([2], 0.05)).toBe(2);
  expect(quantile([], 0.5)).toBeNull();
});

test("the mean across groups is that of all pairs of different groups", () => {
  const [x, y] = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
  const diagonal = Float32Array.of(0.6, 0.8);
  // x·y = 0, x·d = 0.6 twice (two x), y·d = 0.8; and x·y again: (0 + 0 + 0.6 + 0.6 + 0.8) / 5
  expect(meanAcrossGroups([[x, x], [], [y], [diagonal]])).toBeCloseTo(0.4, 6);
  expect(meanAcrossGroups([[x], [x], [x]])).toBeCloseTo(1, 6);
  expect(meanAcrossGroups([[x, y], []])).toBeNull();
  expect(meanAcrossGroups([])).toBeNull();
});

test("the mean over pairs counts each pair once", () => {
  expect(meanOverPairs([1, 3, 7], (a, b) => b - a)).toBe(4);
  expect(meanOverPairs([1], () => 5)).toBeNull();
});

test("pixels differ by their mean distance, black and white by 1", () => {
  const black = image(1, 2, new Uint8Array(6));
  expect(pixelDistance(black, image(1, 2, new Uint8Array(6).fill(255)))).toBe(1);
  expect(pixelDistance(image(1, 2, Uint8Array.of(51, 0, 0, 0, 0, 102)), black)).toBeCloseTo(0.1, 6);
});
