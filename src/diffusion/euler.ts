import { karrasRatios, ratioAt, splitRatio, timestepAt } from "./noise-levels.js";
import type { ResolvedSamplerOptions, Sampler, StepWeights } from "./sampler.js";
import type { NoiseSchedule } from "./schedule.js";
import { spaceTimesteps, type TimestepSpacing } from "./timesteps.js";

/**
 * Euler's method on the probability-flow ODE.
 * Source: Karras 2022, Algorithm 2 without churn.
 */
export const planEuler: Sampler = (schedule, options) => {
  const spacing = options.timestepSpacing ?? "linspace";
  let timesteps = fractionalTimesteps(schedule, options, spacing);
  let ratios = timesteps.map((t) => ratioAt(schedule.sigmas, t));
  if (options.karrasSigmas) {
    ratios = karrasRatios(ratios[0]!, ratios.at(-1)!, options.steps);
    timesteps = ratios.map((ratio) => Math.fround(timestepAt(schedule.sigmas, ratio)));
  }
  const finalRatio = options.finalSigma === "zero" ? 0 : schedule.sigmas[0]!;
  return planRatios(schedule, spacing, timesteps, [...ratios, finalRatio], eulerWeights);
};

/**
 * Euler's method to a lower noise level than the next, and fresh noise up to it.
 * Source: k-diffusion `sample_euler_ancestral` with eta 1.
 */
export const planEulerAncestral: Sampler = (schedule, options) => {
  const spacing = options.timestepSpacing ?? "linspace";
  const timesteps = fractionalTimesteps(schedule, options, spacing);
  const ratios = timesteps.map((t) => ratioAt(schedule.sigmas, t));
  return planRatios(schedule, spacing, timesteps, [...ratios, 0], (from, to) => {
    // down² + up² = to², without the differences of squares that cancel when from is large.
    const down = to ** 2 / from;
    const up = to * Math.sqrt(1 - (to / from) ** 2);
    return { ...eulerWeights(from, down), noise: up };
  });
};

/** One Euler step between two ratios, with weights for latents at scale x0 + ratio·noise. */
function eulerWeights(from: number, to: number): StepWeights {
  return { x: to / from, x0: 1 - to / from };
}

function fractionalTimesteps(
  schedule: NoiseSchedule,
  options: ResolvedSamplerOptions,
  spacing: TimestepSpacing,
): number[] {
  return spaceTimesteps(spacing, schedule.trainSteps, options.steps, options.stepsOffset).map(Math.fround);
}

/** A plan from `steps` timesteps and `steps + 1` ratios. The step's weights are brought to unit variance. */
function planRatios(
  schedule: NoiseSchedule,
  spacing: TimestepSpacing,
  timesteps: readonly number[],
  ratios: readonly number[],
  weigh: (from: number, to: number) => StepWeights,
) {
  const steps = timesteps.map((timestep, i) => {
    const level = splitRatio(ratios[i]!);
    const next = splitRatio(ratios[i + 1]!);
    const { x, x0, noise } = weigh(ratios[i]!, ratios[i + 1]!);
    return {
      timestep,
      ...level,
      weights: {
        x: (x * next.alpha) / level.alpha,
        x0: x0 * next.alpha,
        ...(noise !== undefined && { noise: noise * next.alpha }),
      },
    };
  });
  // Pure noise at scale x0 + ratio·noise is ratio·noise. For `leading`, which starts below the schedule's end, diffusers
  // takes the spread of a noised image instead, which is 1 at unit variance.
  const initialNoiseScale = spacing === "leading" ? 1 : steps[0]!.sigma;
  return { predictionType: schedule.predictionType, initialNoiseScale, steps };
}
