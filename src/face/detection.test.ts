import { expect, test } from "vitest";
import { boxArea, suppressOverlaps } from "./detection.js";

const face = (score: number, ...box: [number, number, number, number]) => ({ box, score });

test("of overlapping faces the surest stays, and faces apart all stay, surest first", () => {
  const weak = face(0.7, 0, 0, 10, 10);
  const strong = face(0.9, 1, 0, 11, 10); // 9 x 10 of 110 shared: 0.82
  const apart = face(0.8, 20, 0, 30, 10);
  expect(suppressOverlaps([weak, strong, apart], 0.4)).toEqual([strong, apart]);
});

test("an overlap at the limit is allowed, and counting pixels makes it larger", () => {
  const a = face(0.9, 0, 0, 3, 7);
  const b = face(0.8, 1, 0, 4, 7); // 2 x 7 of 4 x 7 shared: one half; counting pixels 3 x 8 of 5 x 8
  expect(suppressOverlaps([a, b], 0.5)).toEqual([a, b]);
  expect(suppressOverlaps([a, b], 0.49)).toEqual([a]);
  expect(suppressOverlaps([a, b], 0.5, 1)).toEqual([a]);
});

test("a face within another one that is much larger stays", () => {
  const large = face(0.8, 0, 0, 100, 100);
  const small = face(0.9, 10, 10, 40, 40);
  expect(suppressOverlaps([large, small], 0.4)).toEqual([small, large]);
});

test("areas are never negative", () => {
  expect(boxArea([2, 3, 7, 10])).toBe(35);
  expect(boxArea([7, 3, 2, 10])).toBe(0);
});
