import type { Sampler } from "./sampler.js";
import { roundHalfToEven, spaceTimesteps } from "./timesteps.js";

/**
 * Denoising diffusion implicit models.
 * Source: Song 2021, eq. 12 and 16. As in diffusers, a step always goes down by floor(trainSteps / steps), which is not
 * quite the next timestep of `linspace` and `trailing` spacing.
 */
export const planDdim: Sampler = (schedule, options) => {
  const { alphasCumprod, predictionType, trainSteps } = schedule;
  const { eta } = options;
  const stride = Math.floor(trainSteps / options.steps);
  const finalAlphaBar = options.setAlphaToOne ? 1 : alphasCumprod[0]!;
  const timesteps = spaceTimesteps(
    options.timestepSpacing ?? "leading",
    trainSteps,
    options.steps,
    options.stepsOffset,
  ).map(roundHalfToEven);

  const steps = timesteps.map((timestep) => {
    const alphaBar = alphasCumprod[timestep]!;
    const alphaBarNext = timestep >= stride ? alphasCumprod[timestep - stride]! : finalAlphaBar;
    const variance = eta ** 2 * ((1 - alphaBarNext) / (1 - alphaBar)) * (1 - alphaBar / alphaBarNext);
    const alpha = Math.sqrt(alphaBar);
    const sigma = Math.sqrt(1 - alphaBar);
    // With eta 1 and alphaBar 0 the difference is zero, and rounding must not take it below.
    const epsilonWeight = Math.sqrt(Math.max(0, 1 - alphaBarNext - variance));
    const x = epsilonWeight / sigma;
    return {
      timestep,
      alpha,
      sigma,
      weights: {
        x,
        x0: Math.sqrt(alphaBarNext) - x * alpha,
        ...(eta > 0 && { noise: Math.sqrt(variance) }),
      },
    };
  });
  return { predictionType, initialNoiseScale: 1, steps };
};
