import { describe, expect, it } from "vitest";
import { karrasRatios, ratioAt, splitRatio, timestepAt } from "./noise-levels.js";

const table = Float32Array.from([1, 2, 8, 16]);

describe("noise levels", () => {
  it("splits a ratio into a unit-variance pair", () => {
    const { alpha, sigma } = splitRatio(0.75);
    expect(alpha).toBeCloseTo(0.8, 12);
    expect(sigma).toBeCloseTo(0.6, 12);
    expect(splitRatio(0)).toEqual({ alpha: 1, sigma: 0 });
  });

  it("spaces the seventh roots evenly", () => {
    const ratios = karrasRatios(128, 1, 3);
    expect(ratios[0]).toBeCloseTo(128, 9);
    expect(ratios[1]).toBeCloseTo(1.5 ** 7, 9);
    expect(ratios[2]).toBeCloseTo(1, 9);
    expect(karrasRatios(128, 1, 1)[0]).toBeCloseTo(128, 9);
  });

  it("interpolates linearly between timesteps, up to the last", () => {
    expect([0, 0.5, 1.25, 3].map((t) => ratioAt(table, t))).toEqual([1, 1.5, 3.5, 16]);
  });

  it("finds timesteps in the logarithm, clamped at both ends", () => {
    expect(timestepAt(table, 4)).toBeCloseTo(1.5, 12);
    expect(timestepAt(table, 2)).toBe(1);
    expect([0.1, 1, 16, 40].map((ratio) => timestepAt(table, ratio))).toEqual([0, 0, 3, 3]);
  });
});
