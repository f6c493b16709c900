import { expect, it } from "vitest";
import { emaDecayAt, learningRateAt } from "./schedules.js";

it("warms up evenly, then stays or follows half a cosine", () => {
  const constant = { peak: 8, shape: "constant", warmupSteps: 4, final: 0 } as const;
  expect([0, 1, 2, 3, 4, 99].map((step) => learningRateAt(constant, step, 100))).toEqual([2, 4, 6, 8, 8, 8]);
  const cosine = { peak: 8, shape: "cosine", warmupSteps: 2, final: 2 } as const;
  const rates = [1, 2, 4, 6, 7].map((step) => learningRateAt(cosine, step, 7));
  expect(rates).toEqual([8, 8, 5, 2, 2]);
});

it("copies at the first update, and then forgets ever more slowly", () => {
  const ema = { decay: 0.8, inverseGamma: 1, power: 1 };
  expect([1, 2, 3, 4, 9].map((update) => emaDecayAt(ema, update))).toEqual([0, 0.5, 1 - 1 / 3, 0.75, 0.8]);
});
