import { describe, expect, it } from "vitest";
import { InputError } from "../errors.js";
import { planSolver } from "./lcm.js";
import { planSampling, type SamplerName, samplerNames } from "./samplers.js";
import { createNoiseSchedule } from "./schedule.js";
import { stableDiffusion15 } from "./scheduler-config.js";

const schedule = createNoiseSchedule(stableDiffusion15.noise);
const plan = (name: SamplerName, options: Partial<Parameters<typeof planSampling>[2]> = {}) =>
  planSampling(name, schedule, { ...stableDiffusion15.sampler, steps: 4, ...options });
const timesteps = (...args: Parameters<typeof plan>) => plan(...args).steps.map((step) => step.timestep);

describe("planSampling", () => {
  it("has the default timesteps of each diffusers class for Stable Diffusion 1.5", () => {
    expect(timesteps("ddpm")).toEqual([751, 501, 251, 1]);
    expect(timesteps("ddim")).toEqual([751, 501, 251, 1]);
    expect(timesteps("euler")).toEqual([999, 666, 333, 0]);
    expect(timesteps("euler-a")).toEqual([999, 666, 333, 0]);
    expect(timesteps("dpm++")).toEqual([999, 749, 500, 250]);
    expect(timesteps("lcm")).toEqual([999, 759, 499, 259]);
  });

  it("starts Euler from noise at the largest sigma, unless spacing is leading", () => {
    // 14.6146 / sqrt(14.6146² + 1)
    expect(plan("euler").initialNoiseScale).toBeCloseTo(0.997667, 6);
    expect(plan("euler", { timestepSpacing: "leading" }).initialNoiseScale).toBe(1);
    for (const name of ["ddpm", "ddim", "dpm++", "lcm"] as const) expect(plan(name).initialNoiseScale).toBe(1);
  });

  it("draws noise where diffusers does", () => {
    const draws = (name: SamplerName, options = {}) =>
      plan(name, options).steps.map(({ weights }) => weights.noise !== undefined);
    expect(draws("ddim")).toEqual([false, false, false, false]);
    expect(draws("ddim", { eta: 0.5 })).toEqual([true, true, true, true]);
    expect(draws("ddpm")).toEqual([true, true, true, true]);
    expect(draws("ddpm", { stepsOffset: 0 })).toEqual([true, true, true, false]);
    expect(draws("euler")).toEqual([false, false, false, false]);
    expect(draws("euler-a")).toEqual([true, true, true, true]);
    expect(draws("dpm++")).toEqual([false, false, false, false]);
    expect(draws("lcm")).toEqual([true, true, true, false]);
  });

  it("rises to the solver's order and falls again at the end of few steps", () => {
    const memory = (steps: number, order: 1 | 2 | 3) =>
      plan("dpm++", { steps, order }).steps.map(({ weights }) => weights.earlier?.length ?? 0);
    expect(memory(5, 1)).toEqual([0, 0, 0, 0, 0]);
    expect(memory(5, 2)).toEqual([0, 1, 1, 1, 0]);
    expect(memory(5, 3)).toEqual([0, 1, 2, 1, 0]);
    expect(memory(15, 3).slice(-3)).toEqual([2, 2, 0]);
  });

  it("ends at the predicted clean latents where no noise is left", () => {
    expect(plan("euler").steps.at(-1)?.weights).toEqual({ x: 0, x0: 1 });
    expect(plan("euler-a").steps.at(-1)?.weights).toEqual({ x: 0, x0: 1, noise: 0 });
    expect(plan("dpm++").steps.at(-1)?.weights).toEqual({ x: 0, x0: 1 });
  });

  it.each([
    { steps: 0 },
    { steps: -3 },
    { steps: 2.5 },
    { steps: Number.NaN },
    { steps: Number.POSITIVE_INFINITY },
    { steps: 1001 },
    { eta: -0.1 },
    { eta: 1.1 },
    { eta: Number.NaN },
    { stepsOffset: -1 },
    { timestepScaling: 0 },
    { originalSteps: 0 },
  ])("refuses %o for every sampler", (options) => {
    for (const name of samplerNames) expect(() => plan(name, options)).toThrow(InputError);
  });

  it("names the option that is not known or wrong", () => {
    expect(() => plan("dpm++", { order: 4 as 3 })).toThrow(/order/);
    expect(() => plan("ddim", { spacing: "leading" } as object)).toThrow(/spacing/);
    expect(() => plan("ddim", { timestepSpacing: "uniform" as "leading" })).toThrow(/timestepSpacing/);
  });

  it.each(["plms", "", "toString", "__proto__"])("refuses the sampler %j and lists the others", (name) => {
    expect(() => plan(name as SamplerName)).toThrow(InputError);
    expect(() => plan(name as SamplerName)).toThrow(/ddpm, ddim, euler, euler-a, dpm\+\+, lcm/);
  });

  it("refuses more steps than fit", () => {
    expect(() => plan("ddpm", { steps: 1000 })).toThrow(/use fewer steps/); // leading and offset 1 reach 1000
    expect(plan("ddpm", { steps: 1000, stepsOffset: 0 }).steps).toHaveLength(1000);
    expect(() => plan("dpm++", { steps: 1000 })).toThrow(/use fewer steps/);
    expect(() => plan("lcm", { steps: 51 })).toThrow(/at most 50/);
    expect(() => plan("lcm", { originalSteps: 1001 })).toThrow(/1000 training steps/);
  });

  it("refuses to start an epsilon model where there is no signal", () => {
    const blind = createNoiseSchedule({ ...stableDiffusion15.noise, zeroTerminalSnr: true });
    const start = (name: SamplerName) => () => planSampling(name, blind, { steps: 4, timestepSpacing: "trailing" });
    expect(start("ddim")).toThrow(/zero terminal SNR/);
    expect(start("euler")).not.toThrow();
  });
});

it("plans the steps that a consistency model is distilled from, down to timestep 0, where it says what it is given", () => {
  const solver = planSolver(schedule, { originalSteps: 4, timestepScaling: 10 });
  expect(solver.map(({ from, to }) => [from.timestep, to.timestep])).toEqual([
    [999, 749],
    [749, 499],
    [499, 249],
    [249, 0],
  ]);
  expect(solver[3]?.to).toMatchObject({ skip: 1, out: 0, alpha: Math.sqrt(schedule.alphasCumprod[0] as number) });
  // 0.25 / (2490² + 0.25) and 2490 / sqrt(2490² + 0.25)
  expect(solver[3]?.from.skip).toBeCloseTo(4.0322e-8, 11);
  expect(solver[3]?.from.out).toBeCloseTo(1 - 2.016e-8, 11);
});
