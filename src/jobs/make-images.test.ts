import { expect, it } from "vitest";
import { planRuns } from "./make-images.js";

const images = (identity: number, ...seeds: number[]) => seeds.map((seed) => ({ identity, seed }));

it("makes all images of a fresh job in one call", () => {
  expect(planRuns([...images(0, 5, 6, 7), ...images(1, 5, 6, 7)])).toEqual([{ identities: [0, 1], seed: 5, count: 3 }]);
});

it("makes what is missing, and no more", () => {
  expect(planRuns([...images(0, 7), ...images(2, 5, 7, 8), ...images(3, 7)])).toEqual([
    { identities: [0, 3], seed: 7, count: 1 },
    { identities: [2], seed: 5, count: 1 },
    { identities: [2], seed: 7, count: 2 },
  ]);
  expect(planRuns([])).toEqual([]);
});
