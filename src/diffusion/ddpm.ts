import type { Sampler } from "./sampler.js";
import { roundHalfToEven, spaceTimesteps } from "./timesteps.js";

/**
 * Ancestral sampling with the posterior's own ("fixed small") variance.
 * Source: Ho 2020, eq. 7, with the betas between the chosen timesteps (Nichol & Dhariwal 2021 §4).
 */
export const planDdpm: Sampler = (schedule, options) => {
  const { alphasCumprod, predictionType, trainSteps } = schedule;
  const timesteps = spaceTimesteps(
    options.timestepSpacing ?? "leading",
    trainSteps,
    options.steps,
    options.stepsOffset,
  ).map(roundHalfToEven);

  const steps = timesteps.map((timestep, i) => {
    const alphaBar = alphasCumprod[timestep]!;
    const alphaBarNext = i + 1 < timesteps.length ? alphasCumprod[timesteps[i + 1]!]! : 1;
    const beta = 1 - alphaBar / alphaBarNext;
    const variance = ((1 - alphaBarNext) / (1 - alphaBar)) * beta;
    return {
      timestep,
      alpha: Math.sqrt(alphaBar),
      sigma: Math.sqrt(1 - alphaBar),
      weights: {
        x: (Math.sqrt(alphaBar / alphaBarNext) * (1 - alphaBarNext)) / (1 - alphaBar),
        x0: (Math.sqrt(alphaBarNext) * beta) / (1 - alphaBar),
        ...(timestep > 0 && { noise: Math.sqrt(variance) }),
      },
    };
  });
  return { predictionType, initialNoiseScale: 1, steps };
};
