import { InputError } from "../errors.js";
import type { Sampler } from "./sampler.js";

/** Standard deviation of the data that the boundary condition assumes. */
const dataSigma = 0.5;

/**
 * Multistep sampling of a latent consistency model: predict the clean latents, noise them to the next level, repeat.
 * Source: Luo 2023, Algorithm 3, with the boundary condition of Song 2023, Appendix C. The timesteps are taken from those
 * of the distilled teacher, so `timestepSpacing` and `stepsOffset` do not apply.
 * @throws InputError if there are more steps than the teacher has, or more teacher steps than training steps
 */
export const planLcm: Sampler = (schedule, options) => {
  const { alphasCumprod, predictionType, trainSteps } = schedule;
  const { steps: count, originalSteps, timestepScaling } = options;
  if (originalSteps > trainSteps) {
    throw new InputError(`lcm: originalSteps is ${originalSteps}, but the model has ${trainSteps} training steps`);
  }
  if (count > originalSteps) {
    throw new InputError(`lcm: ${count} steps; use at most ${originalSteps}, as many as the model was distilled with`);
  }
  const stride = Math.floor(trainSteps / originalSteps);
  const timesteps = Array.from({ length: count }, (_, i) => {
    return (originalSteps - Math.floor(i * (originalSteps / count))) * stride - 1;
  });

  const steps = timesteps.map((timestep, i) => {
    const alphaBar = alphasCumprod[timestep]!;
    const scaled = timestep * timestepScaling;
    const skip = dataSigma ** 2 / (scaled ** 2 + dataSigma ** 2);
    const out = scaled / Math.sqrt(scaled ** 2 + dataSigma ** 2);
    const level = { timestep, alpha: Math.sqrt(alphaBar), sigma: Math.sqrt(1 - alphaBar) };
    if (i === count - 1) return { ...level, weights: { x: skip, x0: out } };
    const alphaBarNext = alphasCumprod[timesteps[i + 1]!]!;
    const alphaNext = Math.sqrt(alphaBarNext);
    return {
      ...level,
      weights: { x: alphaNext * skip, x0: alphaNext * out, noise: Math.sqrt(1 - alphaBarNext) },
    };
  });
  return { predictionType, initialNoiseScale: 1, steps };
};
