import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { guide } from "../../src/diffusion/guidance.js";
import { type Denoise, sample } from "../../src/diffusion/sample.js";
import type { SamplerPlan } from "../../src/diffusion/sampler.js";
import { planSampling, type SamplerName } from "../../src/diffusion/samplers.js";
import { createNoiseSchedule, type PredictionType } from "../../src/diffusion/schedule.js";
import { parseSchedulerConfig } from "../../src/diffusion/scheduler-config.js";
import { addNoise, minSnrWeight, signalToNoise, vTarget } from "../../src/diffusion/targets.js";

/** [first element, number of elements] in the file of numbers. */
type Range = [start: number, length: number];

interface Case {
  sampler: SamplerName;
  change: Record<string, unknown>;
  eta: number;
  runs: { steps: number; timesteps: number[]; draws: number; states: Range }[];
}

interface Fixture {
  config: Record<string, unknown>;
  shape: number[];
  cases: Case[];
  schedules: { change: Record<string, unknown>; alphasCumprod: Range }[];
  targets: { timesteps: number[]; noisy: Range; velocity: Range; snr: Range; weights: Record<PredictionType, Range> };
  guidance: { scale: number; guided: Range; rescaled: Range };
}

const folder = new URL("../fixtures/samplers/", import.meta.url);
const fixture: Fixture = JSON.parse(readFileSync(new URL("cases.json", folder), "utf8"));
const numbers = new Float32Array(new Uint8Array(readFileSync(new URL("samplers.f32", folder))).buffer);
const latents = fixture.shape.reduce((product, size) => product * size, 1);

const read = ([start, length]: Range) => numbers.subarray(start, start + length);
const configure = (change: Record<string, unknown>) =>
  parseSchedulerConfig(JSON.stringify({ ...fixture.config, ...change }));

/** The generator of reference/samplers.py: uniform in [-1, 1). */
function createNoise(seed: number) {
  let state = seed;
  const noise = { draws: 0, draw };
  function draw(): Float32Array {
    noise.draws += 1;
    return Float32Array.from({ length: latents }, () => {
      state = (Math.imul(1664525, state) + 1013904223) >>> 0;
      return (state >>> 8) / 2 ** 23 - 1;
    });
  }
  return noise;
}

/** The toy network of reference/samplers.py. */
const denoise: Denoise = async (x, { timestep }) =>
  x.map((value, i) => (value * 0.5 + (i * 0.125 - 0.5) * (timestep / 1000)) / (value * value * 0.125 + 1));

/** Largest difference, relative to the largest reference value. */
function deviation(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  const peak = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return actual.reduce((max, value, i) => Math.max(max, Math.abs(value - expected[i]!)), 0) / peak;
}

/**
 * 1e-5 for rounding to float32 at other places, which the toy network hardly amplifies. The Euler schedulers of diffusers
 * hold x / alpha in float32, so that their own rounding grows with sigma / alpha: to 4096 with zero terminal SNR.
 */
function toleranceFor(sampler: SamplerName, plan: SamplerPlan): number {
  const { alpha, sigma } = plan.steps[0]!;
  return sampler === "euler" || sampler === "euler-a" ? Math.max(1e-5, (2 ** -23 * sigma) / alpha) : 1e-5;
}

async function run({ sampler, change, eta }: Case, steps: number) {
  const config = configure(change);
  const plan = planSampling(sampler, createNoiseSchedule(config.noise), { ...config.sampler, steps, eta });
  const noise = createNoise(1);
  const initialNoise = noise.draw();
  const states: Float32Array[] = [initialNoise.map((value) => value * plan.initialNoiseScale)];
  for await (const { x } of sample({ plan, denoise, initialNoise, drawNoise: noise.draw })) states.push(x);
  return { plan, states, draws: noise.draws - 1 };
}

describe("samplers against diffusers", () => {
  it.each(fixture.cases)("$sampler $change eta $eta", async (variant) => {
    for (const reference of variant.runs) {
      const { plan, states, draws } = await run(variant, reference.steps);
      const expected = read(reference.states);
      expect(plan.steps.length).toBe(reference.timesteps.length);
      plan.steps.forEach(({ timestep }, i) => {
        expect(timestep).toBeCloseTo(reference.timesteps[i]!, 3);
      });
      expect(draws).toBe(reference.draws);
      const tolerance = toleranceFor(variant.sampler, plan);
      states.forEach((state, i) => {
        const difference = deviation(state, expected.subarray(i * latents, (i + 1) * latents));
        expect(difference, `state ${i}`).toBeLessThan(tolerance);
      });
    }
  });
});

describe("noise schedules against diffusers", () => {
  it.each(fixture.schedules)("$change", ({ change, alphasCumprod }) => {
    const actual = createNoiseSchedule(configure(change).noise).alphasCumprod;
    // torch's vectorised square root, used for this one, is not correctly rounded.
    if (change.rescale_betas_zero_snr) expect(deviation(actual, read(alphasCumprod))).toBeLessThan(1e-6);
    else expect(actual).toEqual(read(alphasCumprod));
  });
});

describe("training targets against diffusers", () => {
  const { timesteps, noisy, velocity, snr, weights } = fixture.targets;
  const noise = createNoise(2);
  const [x0, epsilon] = [noise.draw(), noise.draw()];
  const scheduleFor = (type: PredictionType) => createNoiseSchedule(configure({ prediction_type: type }).noise);

  it("noises and takes velocities", () => {
    const schedule = scheduleFor("epsilon");
    expect(deviation(addNoise(schedule, x0, epsilon, timesteps), read(noisy))).toBeLessThan(1e-6);
    expect(deviation(vTarget(schedule, x0, epsilon, timesteps), read(velocity))).toBeLessThan(1e-6);
  });

  it.each(["epsilon", "v_prediction", "sample"] as const)("weighs %s by min-SNR", (type) => {
    const schedule = scheduleFor(type);
    timesteps.forEach((timestep, i) => {
      expect(signalToNoise(schedule, timestep) / read(snr)[i]!).toBeCloseTo(1, 6);
      expect(minSnrWeight(schedule, timestep) / read(weights[type])[i]!).toBeCloseTo(1, 6);
    });
  });
});

describe("guidance against diffusers", () => {
  it("rescales every image of the batch on its own", () => {
    const noise = createNoise(3);
    const [conditional, unconditional] = [noise.draw(), noise.draw()];
    const { scale, guided, rescaled } = fixture.guidance;
    expect(deviation(guide(conditional, unconditional, { scale, batch: 2 }), read(guided))).toBeLessThan(1e-6);
    const actual = guide(conditional, unconditional, { scale, rescale: 0.7, batch: 2 });
    expect(deviation(actual, read(rescaled))).toBeLessThan(1e-6);
  });
});
