import { describe, expect, it } from "vitest";
import { InputError, ShapeError } from "../errors.js";
import { predictClean, type SampleProgress, type SampleRequest, sample } from "./sample.js";
import type { SamplerPlan } from "./sampler.js";

/** Two steps whose every weight is another number. */
const plan: SamplerPlan = {
  predictionType: "sample",
  initialNoiseScale: 2,
  steps: [
    { timestep: 7, alpha: 0.6, sigma: 0.8, weights: { x: 3, x0: 5, noise: 11 } },
    { timestep: 1, alpha: 0.8, sigma: 0.6, weights: { x: 13, x0: 17, earlier: [19] } },
  ],
};
const request = (change: Partial<SampleRequest> = {}): SampleRequest => ({
  plan,
  denoise: async (x, { timestep }) => x.map((value) => value + timestep),
  initialNoise: Float32Array.of(1, -2, 0),
  drawNoise: () => Float32Array.of(1, 0, 2),
  ...change,
});

describe("sample", () => {
  it("weighs latents, predictions, memory and noise", async () => {
    const progress: SampleProgress[] = [];
    for await (const state of sample(request())) progress.push(state);
    // x = 2·noise = [2, -4, 0]; x0 = x + 7 = [9, 3, 7]; x = 3x + 5x0 + 11·noise.
    expect(progress[0]).toMatchObject({ step: 1, steps: 2, timestep: 7, x0: Float32Array.of(9, 3, 7) });
    expect(progress[0]?.x).toEqual(Float32Array.of(6 + 45 + 11, -12 + 15, 35 + 22));
    // x0 = x + 1; x = 13x + 17x0 + 19·[9, 3, 7].
    expect(progress[1]).toMatchObject({ step: 2, steps: 2, timestep: 1, x0: Float32Array.of(63, 4, 58) });
    expect(progress[1]?.x).toEqual(
      Float32Array.of(13 * 62 + 17 * 63 + 19 * 9, 13 * 3 + 17 * 4 + 19 * 3, 13 * 57 + 17 * 58 + 19 * 7),
    );
  });

  it("draws noise only for the steps that ask, and leaves the initial noise alone", async () => {
    let draws = 0;
    const initialNoise = Float32Array.of(1, -2, 0);
    const drawNoise = () => {
      draws += 1;
      return new Float32Array(3);
    };
    for await (const _ of sample(request({ initialNoise, drawNoise })));
    expect(draws).toBe(1);
    expect(initialNoise).toEqual(Float32Array.of(1, -2, 0));
  });

  it("stops before the next call of the network when aborted", async () => {
    const controller = new AbortController();
    let calls = 0;
    const run = sample(
      request({
        signal: controller.signal,
        denoise: async (x) => {
          calls += 1;
          return x;
        },
      }),
    );
    await run.next();
    controller.abort(new Error("enough"));
    await expect(run.next()).rejects.toThrow("enough");
    expect(calls).toBe(1);
  });

  it("refuses outputs and noise of another length", async () => {
    const denoise = async () => new Float32Array(4);
    await expect(sample(request({ denoise })).next()).rejects.toThrow(ShapeError);
    const drawNoise = () => new Float32Array(2);
    await expect(sample(request({ drawNoise })).next()).rejects.toThrow(InputError);
  });
});

describe("predictClean", () => {
  it("undoes each prediction type", () => {
    const level = { alpha: 0.6, sigma: 0.8 };
    // x0 = 5, noise = -10: x = 0.6·5 - 0.8·10 = -5; v = 0.6·(-10) - 0.8·5 = -10.
    const x = Float32Array.of(-5);
    expect(predictClean("epsilon", x, Float32Array.of(-10), level)[0]).toBeCloseTo(5, 5);
    expect(predictClean("v_prediction", x, Float32Array.of(-10), level)[0]).toBeCloseTo(5, 5);
    expect(predictClean("sample", x, Float32Array.of(5), level)[0]).toBe(5);
  });
});
