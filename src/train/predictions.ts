import type { NoiseSchedule, PredictionType } from "../diffusion/schedule.js";
import { InputError } from "../errors.js";
import { add, div, mul, reshape, sqrt, sub } from "../graph/operators/index.js";
import { size, type Value } from "../graph/value.js";

/** Factors of the clean latents and of the noise in x, float [N, 1, 1, 1]. */
export interface NoiseLevel {
  readonly alpha: Value;
  readonly sigma: Value;
}

/** The noise level of each image, from the factor of its clean latents, float of N numbers. */
export function levelOf(signal: Value, count = size(signal, 0)): NoiseLevel {
  const alpha = reshape(signal, [count, 1, 1, 1]);
  return { alpha, sigma: sqrt(sub(1, mul(alpha, alpha))) };
}

/**
 * @param key of the recipe, which asks for clean latents at every noise level
 * @throws InputError if predictions say nothing about them where all is noise
 */
export function requireCleanInNoise(key: string, { predictionType, alphasCumprod }: NoiseSchedule): void {
  if (predictionType !== "epsilon" || alphasCumprod.at(-1) !== 0) return;
  throw new InputError(
    `${key}: a model that predicts noise says nothing about the image at zero terminal SNR; train one that predicts v`,
  );
}

/**
 * The clean latents that a prediction implies. Source: Salimans & Ho 2022, Appendix D.
 * @param x noisy latents, float [N, C, H, W], and the network's raw output like it
 */
export function predictClean(type: PredictionType, x: Value, prediction: Value, { alpha, sigma }: NoiseLevel): Value {
  switch (type) {
    case "epsilon":
      return div(sub(x, mul(prediction, sigma)), alpha);
    case "v_prediction":
      return sub(mul(x, alpha), mul(prediction, sigma));
    case "sample":
      return prediction;
  }
}

/** The noise that a prediction implies. Source and arguments as {@link predictClean}. */
export function predictNoise(type: PredictionType, x: Value, prediction: Value, { alpha, sigma }: NoiseLevel): Value {
  switch (type) {
    case "epsilon":
      return prediction;
    case "v_prediction":
      return add(mul(prediction, alpha), mul(x, sigma));
    case "sample":
      return div(sub(x, mul(prediction, alpha)), sigma);
  }
}

/**
 * One deterministic step of sampling. Source: Song 2021 (DDIM), eq. 12 with sigma 0. Arguments as {@link predictClean}.
 * @returns latents at the noise level `to`
 */
export function ddimStep(type: PredictionType, x: Value, prediction: Value, from: NoiseLevel, to: NoiseLevel): Value {
  return add(
    mul(predictClean(type, x, prediction, from), to.alpha),
    mul(predictNoise(type, x, prediction, from), to.sigma),
  );
}
