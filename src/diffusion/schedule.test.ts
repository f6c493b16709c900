import { describe, expect, it } from "vitest";
import { InputError } from "../errors.js";
import { createNoiseSchedule, type NoiseScheduleConfig } from "./schedule.js";
import { stableDiffusion15 } from "./scheduler-config.js";

const base: NoiseScheduleConfig = {
  trainSteps: 3,
  betaSchedule: "linear",
  betaStart: 0.25,
  betaEnd: 0.75,
  zeroTerminalSnr: false,
  predictionType: "epsilon",
};

describe("createNoiseSchedule", () => {
  it("multiplies 1 - beta for linear betas 1/4, 1/2, 3/4", () => {
    const { alphasCumprod, sigmas, trainSteps } = createNoiseSchedule(base);
    expect([...alphasCumprod]).toEqual([0.75, 0.375, 0.09375]);
    expect(sigmas[0]).toBeCloseTo(Math.sqrt(1 / 3), 6);
    expect(sigmas[2]).toBeCloseTo(Math.sqrt(29 / 3), 6);
    expect(trainSteps).toBe(3);
  });

  it("spaces the square roots for scaled_linear", () => {
    const schedule = createNoiseSchedule({ ...base, betaSchedule: "scaled_linear", betaStart: 0.25, betaEnd: 0.5625 });
    // Roots 1/2, 5/8, 3/4.
    expect(schedule.alphasCumprod[1]).toBeCloseTo(0.75 * (1 - 0.625 ** 2), 6);
    expect(schedule.alphasCumprod[2]).toBeCloseTo(0.75 * (1 - 0.625 ** 2) * 0.4375, 6);
  });

  it("follows cos² for squaredcos_cap_v2, with the last beta capped", () => {
    const { alphasCumprod } = createNoiseSchedule({ ...base, trainSteps: 4, betaSchedule: "squaredcos_cap_v2" });
    const f = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
    expect(alphasCumprod[1]).toBeCloseTo(f(0.5) / f(0), 6);
    expect(alphasCumprod[3]! / alphasCumprod[2]!).toBeCloseTo(0.001, 6);
  });

  it("takes betas one by one", () => {
    const schedule = createNoiseSchedule({ ...base, trainedBetas: [0.5, 0.5, 0.75] });
    expect([...schedule.alphasCumprod]).toEqual([0.5, 0.25, 0.0625]);
  });

  it("ends at exactly zero, with finite sigmas, for zeroTerminalSnr", () => {
    const plain = createNoiseSchedule(stableDiffusion15.noise);
    const { alphasCumprod, sigmas } = createNoiseSchedule({ ...stableDiffusion15.noise, zeroTerminalSnr: true });
    expect(alphasCumprod[999]).toBe(0);
    expect(alphasCumprod[0]).toBeCloseTo(plain.alphasCumprod[0]!, 6);
    expect(sigmas[999]).toBeCloseTo(4096, 0);
  });

  it("knows the noise range of Stable Diffusion 1.5", () => {
    const { sigmas } = createNoiseSchedule(stableDiffusion15.noise);
    expect(sigmas[0]).toBeCloseTo(0.0292, 4);
    expect(sigmas[999]).toBeCloseTo(14.6146, 4);
  });

  it.each([
    ["trainSteps 1", { trainSteps: 1 }, /trainSteps is 1/],
    ["trainSteps NaN", { trainSteps: Number.NaN }, /trainSteps is NaN/],
    ["a beta of 0", { betaStart: 0 }, /beta 0 is 0/],
    ["a beta above 1", { betaEnd: 1.5 }, /beta 2 is 1.5/],
    ["too few trained betas", { trainedBetas: [0.5, 0.5] }, /2 trained betas for 3/],
    ["a trained beta that is NaN", { trainedBetas: [0.5, Number.NaN, 0.5] }, /beta 1 is NaN/],
  ])("refuses %s", (_name, change, message) => {
    const create = () => createNoiseSchedule({ ...base, ...change });
    expect(create).toThrow(InputError);
    expect(create).toThrow(message);
  });
});
