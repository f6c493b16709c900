import { describe, expect, it } from "vitest";
import { InputError } from "../errors.js";
import { createNoiseSchedule, type PredictionType } from "./schedule.js";
import { addNoise, minSnrWeight, signalToNoise, vTarget } from "./targets.js";

const create = (predictionType: PredictionType) =>
  createNoiseSchedule({
    trainSteps: 2,
    betaSchedule: "linear",
    betaStart: 0,
    betaEnd: 0,
    // alphasCumprod 0.9375 and 0.234375: SNR 15 and 0.306.
    trainedBetas: [0.0625, 0.75],
    zeroTerminalSnr: false,
    predictionType,
  });
const schedule = create("epsilon");

describe("training targets", () => {
  const x0 = Float32Array.of(1, 2, 3, 4);
  const noise = Float32Array.of(8, -8, 4, 0);

  it("noises every image at its own timestep", () => {
    const noisy = addNoise(schedule, x0, noise, [0, 1]);
    expect(noisy[1]).toBeCloseTo(2 * Math.sqrt(0.9375) - 8 * 0.25, 5);
    expect(noisy[2]).toBeCloseTo(3 * Math.sqrt(0.234375) + 4 * Math.sqrt(0.765625), 5);
  });

  it("makes velocities", () => {
    const velocity = vTarget(schedule, x0, noise, [0, 1]);
    expect(velocity[0]).toBeCloseTo(8 * Math.sqrt(0.9375) - 1 * 0.25, 5);
    expect(velocity[3]).toBeCloseTo(-4 * Math.sqrt(0.765625), 5);
  });

  it("caps the weight by gamma", () => {
    expect(signalToNoise(schedule, 0)).toBeCloseTo(15, 9);
    expect(minSnrWeight(schedule, 0)).toBeCloseTo(5 / 15, 9);
    expect(minSnrWeight(schedule, 0, 3)).toBeCloseTo(3 / 15, 9);
    expect(minSnrWeight(schedule, 1)).toBe(1);
    expect(minSnrWeight(create("v_prediction"), 0)).toBeCloseTo(5 / 16, 9);
    expect(minSnrWeight(create("sample"), 0)).toBe(5);
  });

  it("gives an epsilon model weight 1 where there is no signal", () => {
    const alphasCumprod = Float32Array.of(0.5, 0);
    expect(minSnrWeight({ ...schedule, alphasCumprod }, 1)).toBe(1);
  });

  it.each([-1, 2, 0.5, Number.NaN])("refuses the timestep %f", (timestep) => {
    expect(() => addNoise(schedule, x0, noise, [timestep])).toThrow(InputError);
    expect(() => minSnrWeight(schedule, timestep)).toThrow(InputError);
  });

  it("refuses lengths that do not fit, and a gamma that is not positive", () => {
    expect(() => addNoise(schedule, x0, noise.subarray(1), [0])).toThrow(InputError);
    expect(() => vTarget(schedule, x0, noise, [0, 0, 0])).toThrow(InputError);
    expect(() => vTarget(schedule, x0, noise, [])).toThrow(InputError);
    expect(() => minSnrWeight(schedule, 0, 0)).toThrow(InputError);
    expect(() => minSnrWeight(schedule, 0, Number.NaN)).toThrow(InputError);
  });
});
