import { expect } from "vitest";
import type { Tensor } from "../../src/tensor/tensor.js";

/** Largest difference of two tensors, relative to the largest magnitude of the expected one. */
export function relativeError(actual: Tensor, expected: Tensor): number {
  expect(actual.shape).toEqual(expected.shape);
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [Number(actual.data[i]), Number(expected.data[i])];
    if (Number.isNaN(a) !== Number.isNaN(b)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, Math.abs(a - b));
    magnitude = Math.max(magnitude, Math.abs(b));
  }
  return difference / Math.max(magnitude, Number.MIN_VALUE);
}

export function expectClose(actual: Tensor | undefined, expected: Tensor, tolerance: number, what = "tensor"): void {
  expect(actual, what).toBeDefined();
  expect(relativeError(actual as Tensor, expected), `relative error of ${what}`).toBeLessThan(tolerance);
}
