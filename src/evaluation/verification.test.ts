import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { f32 } from "../tensor/tensor.js";
import { areaUnderCurve, equalErrorRate, rocCurve, tarAtFar } from "./roc.js";
import { evaluateVerification, pairCosines } from "./verification.js";

interface Case {
  folds: number;
  cosines: number[];
  same: number[];
  foldAccuracies: number[];
  accuracy: number;
  std: number;
  threshold: number;
  far: number[];
  tar: number[];
  auc: number;
  eer: number;
  tarAtFar: { "1e-2": number; "1e-3": number };
}

// Three sets, with and without ties, one whose folds differ in length; made by reference/verification.py.
const file = new URL("../../test/fixtures/data/verification.json", import.meta.url);
const cases = JSON.parse(await readFile(file, "utf8")) as Case[];

describe.each(cases)("$folds folds of $cosines.length pairs", (expected) => {
  const same = expected.same.map(Boolean);
  const result = evaluateVerification(expected.cosines, same, { folds: expected.folds });

  test("accuracy and threshold of insightface", () => {
    expect(result.foldAccuracies).toEqual(expected.foldAccuracies);
    expect(result.accuracy).toBeCloseTo(expected.accuracy, 12);
    expect(result.std).toBeCloseTo(expected.std, 12);
    expect(result.threshold).toBeCloseTo(expected.threshold, 12);
    expect(result.pairs).toBe(same.length);
  });

  test("curve of scikit-learn", () => {
    expect(result.roc.map(({ far }) => far)).toEqual(expected.far);
    expect(result.roc.map(({ tar }) => tar)).toEqual(expected.tar);
    expect(result.auc).toBeCloseTo(expected.auc, 12);
    expect(result.eer).toBeCloseTo(expected.eer, 9);
    expect(result.tarAtFar).toEqual(expected.tarAtFar);
  });
});

describe("by hand", () => {
  // Same: 0.9 0.7 0.5; different: 0.6 0.5 0.1 0.0.
  const similarities = [0.6, 0.9, 0.5, 0.7, 0.1, 0.5, 0];
  const same = [false, true, true, true, false, false, false];
  const curve = rocCurve(similarities, same);

  test("the curve, equal similarities together", () => {
    expect(curve.map(({ threshold, far, tar }) => [threshold, far * 4, tar * 3])).toEqual([
      [Number.POSITIVE_INFINITY, 0, 0],
      [0.9, 0, 1],
      [0.7, 0, 2],
      [0.6, 1, 2],
      [0.5, 2, 3],
      [0.1, 3, 3],
      [0, 4, 3],
    ]);
  });

  test("area: of 12 same-different couples 10 are in order, and one is equal", () => {
    expect(areaUnderCurve(curve)).toBeCloseTo(10.5 / 12, 12);
  });

  test("equal errors lie between (1/4, 2/3) and (2/4, 3/3)", () => {
    // 1/4 + t/4 = 1/3 (1 - t)
    expect(equalErrorRate(curve)).toBeCloseTo(0.25 + 0.25 / 7, 12);
  });

  test("TAR at FAR is that of a threshold that exists", () => {
    expect(tarAtFar(curve, 0.2)).toBeCloseTo(2 / 3, 12);
    expect(tarAtFar(curve, 0.5)).toBe(1);
    expect(tarAtFar(curve, 0)).toBeCloseTo(2 / 3, 12);
  });

  test("perfect, hopeless and random similarities", () => {
    expect(equalErrorRate(rocCurve([1, 0], [true, false]))).toBe(0);
    expect(areaUnderCurve(rocCurve([1, 0], [true, false]))).toBe(1);
    expect(equalErrorRate(rocCurve([0, 1], [true, false]))).toBe(1);
    expect(equalErrorRate(rocCurve([0.5, 0.5], [true, false]))).toBe(0.5);
  });

  test("a fold is judged by the threshold of the others", () => {
    // The second fold's pairs would be perfect at 0.2; the first fold's threshold, just below 0.8, refuses them all.
    const result = evaluateVerification([0.8, 0.7, 0.3, 0.1], [true, false, true, false], { folds: 2 });
    expect(result.foldAccuracies).toEqual([0.5, 0.5]);
  });
});

test("pairCosines does not ask for unit length", () => {
  const first = f32([3, 2], [3, 0, 0, 5, 1, 1]);
  const second = f32([3, 2], [2, 0, 7, 0, -1, -1]);
  const cosines = pairCosines(first, second);
  for (const [i, value] of [1, 0, -1].entries()) expect(cosines[i]).toBeCloseTo(value, 12);
  expect(() => pairCosines(first, f32([3, 2], [0, 0, 1, 1, 1, 1]))).toThrow("pair 0");
  expect(() => pairCosines(first, f32([2, 3], [1, 1, 1, 1, 1, 1]))).toThrow("not both [N, D]");
});

test("input that fits no protocol is refused", () => {
  expect(() => evaluateVerification([0.1, 0.2], [true, true], { folds: 2 })).toThrow("one kind is missing");
  expect(() => evaluateVerification([0.1], [true, false])).toThrow(InputError);
  expect(() => evaluateVerification([0.1, Number.NaN], [true, false], { folds: 2 })).toThrow("pair 1 is NaN");
  expect(() => evaluateVerification([0.1, 0.2], [true, false])).toThrow("10 folds of 2 pairs");
});
