import { describe, expect, it } from "vitest";
import { InputError } from "../errors.js";
import { checkGuidance, guidanceScaleAt, guide } from "./guidance.js";

describe("guidanceScaleAt", () => {
  const at = (ratio: number) => ({ alpha: 0.5, sigma: 0.5 * ratio });

  it("is the scale everywhere by default", () => {
    expect(guidanceScaleAt({ scale: 3 }, at(14.6))).toBe(3);
    expect(guidanceScaleAt({ scale: 3 }, { alpha: 0, sigma: 1 })).toBe(3);
  });

  it("is 1 outside of the interval, which holds its upper end only", () => {
    const guidance = { scale: 3, interval: [0.25, 4] as const };
    expect([0.1, 0.25, 0.5, 4, 4.1].map((ratio) => guidanceScaleAt(guidance, at(ratio)))).toEqual([1, 1, 3, 3, 1]);
  });
});

describe("checkGuidance", () => {
  it.each([
    { scale: -1 },
    { scale: Number.NaN },
    { scale: Number.POSITIVE_INFINITY },
    { scale: 3, rescale: 1.5 },
    { scale: 3, rescale: Number.NaN },
    { scale: 3, interval: [4, 1] as const },
    { scale: 3, interval: [-1, 1] as const },
    { scale: 3, interval: [0, Number.NaN] as const },
  ])("refuses %o", (guidance) => {
    expect(() => checkGuidance(guidance)).toThrow(InputError);
  });

  it("lets the ends of each range pass", () => {
    checkGuidance({ scale: 0, rescale: 0, interval: [0, 0.1] });
    checkGuidance({ scale: 1e6, rescale: 1, interval: [3, Number.POSITIVE_INFINITY] });
  });
});

describe("guide", () => {
  const conditional = Float32Array.of(1, 3, 5, -1);
  const unconditional = Float32Array.of(0, 1, 5, 1);

  it("extrapolates from the unconditional through the conditional output", () => {
    expect(guide(conditional, unconditional, { scale: 3, batch: 1 })).toEqual(Float32Array.of(3, 7, 5, -5));
    expect(guide(conditional, unconditional, { scale: 0, batch: 1 })).toEqual(unconditional);
  });

  it("is the conditional output at scale 1, to the bit and with any rescale", () => {
    const values = Float32Array.of(0.1, 1e-7, 12345.678, -3);
    expect(guide(values, Float32Array.of(7, 1e5, 3, 1e-3), { scale: 1, rescale: 0.5, batch: 2 })).toEqual(values);
  });

  it("restores the spread of every image", () => {
    // Images [3, 7] and [5, -5] have spreads √8 and √50; the conditional ones, [1, 3] and [5, -1], √2 and √18.
    const guided = guide(conditional, unconditional, { scale: 3, rescale: 1, batch: 2 });
    [1.5, 3.5, 3, -3].forEach((value, i) => {
      expect(guided[i]).toBeCloseTo(value, 6);
    });
    const half = guide(conditional, unconditional, { scale: 3, rescale: 0.5, batch: 2 });
    expect(half[0]).toBeCloseTo(2.25, 6);
  });

  it("leaves a constant image as it is", () => {
    const flat = guide(Float32Array.of(2, 2), Float32Array.of(1, 1), { scale: 3, rescale: 1, batch: 1 });
    expect(flat).toEqual(Float32Array.of(4, 4));
  });

  it.each([0, 3, 1.5, Number.NaN])("refuses a batch of %f", (batch) => {
    expect(() => guide(conditional, unconditional, { scale: 3, batch })).toThrow(InputError);
  });

  it("refuses branches of different lengths", () => {
    expect(() => guide(conditional, new Float32Array(3), { scale: 3, batch: 1 })).toThrow(/4 conditional and 3/);
  });
});
