import { InputError } from "../errors.js";
import type { NoiseSchedule } from "./schedule.js";

/**
 * Noises clean latents for training: sqrt(alphaBar) x0 + sqrt(1 - alphaBar) noise.
 * Source: Ho 2020, eq. 4.
 * @param x0        clean latents, float32 [N, C, H, W]
 * @param noise     standard normal, same shape
 * @param timesteps one for each of the N images, integers in [0, trainSteps)
 * @throws InputError if a timestep is not in the schedule, or the lengths do not fit
 */
export function addNoise(
  schedule: NoiseSchedule,
  x0: Float32Array,
  noise: Float32Array,
  timesteps: readonly number[],
): Float32Array {
  return blend(schedule, x0, noise, timesteps, (alpha, sigma) => [alpha, sigma]);
}

/**
 * What a `v_prediction` network learns: sqrt(alphaBar) noise - sqrt(1 - alphaBar) x0.
 * Source: Salimans & Ho 2022, Appendix D. Arguments and errors as `addNoise`.
 */
export function vTarget(
  schedule: NoiseSchedule,
  x0: Float32Array,
  noise: Float32Array,
  timesteps: readonly number[],
): Float32Array {
  return blend(schedule, x0, noise, timesteps, (alpha, sigma) => [-sigma, alpha]);
}

/** alphaBar / (1 - alphaBar). @throws InputError if the timestep is not in the schedule */
export function signalToNoise(schedule: NoiseSchedule, timestep: number): number {
  const alphaBar = alphaBarAt(schedule, timestep);
  return alphaBar / (1 - alphaBar);
}

/**
 * Weight of the loss on the network's raw output at a timestep, so that no noise level dominates.
 * Source: Hang 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy", eq. 8 and Appendix; gamma 5 there.
 * @throws InputError if the timestep is not in the schedule, or gamma is not positive
 */
export function minSnrWeight(schedule: NoiseSchedule, timestep: number, gamma = 5): number {
  if (!(gamma > 0)) throw new InputError(`min-SNR gamma is ${gamma}; give a positive number (5 is usual)`);
  const snr = signalToNoise(schedule, timestep);
  switch (schedule.predictionType) {
    case "epsilon":
      // min(snr, gamma) / snr, which at a terminal SNR of zero would be 0 / 0.
      return Math.min(1, gamma / snr);
    case "v_prediction":
      return Math.min(snr, gamma) / (snr + 1);
    case "sample":
      return Math.min(snr, gamma);
  }
}

function blend(
  schedule: NoiseSchedule,
  x0: Float32Array,
  noise: Float32Array,
  timesteps: readonly number[],
  weigh: (alpha: number, sigma: number) => [x0: number, noise: number],
): Float32Array {
  if (x0.length !== noise.length || timesteps.length === 0 || x0.length % timesteps.length !== 0) {
    throw new InputError(
      `${x0.length} latents and ${noise.length} numbers of noise do not make ${timesteps.length} images, one a timestep`,
    );
  }
  const size = x0.length / timesteps.length;
  const weights = timesteps.map((timestep) => {
    const alphaBar = alphaBarAt(schedule, timestep);
    return weigh(Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar));
  });
  return x0.map((value, i) => {
    const [x0Weight, noiseWeight] = weights[Math.floor(i / size)]!;
    return x0Weight * value + noiseWeight * noise[i]!;
  });
}

function alphaBarAt(schedule: NoiseSchedule, timestep: number): number {
  const alphaBar = schedule.alphasCumprod[timestep];
  if (alphaBar === undefined) {
    throw new InputError(`timestep ${timestep}; give an integer from 0 to ${schedule.trainSteps - 1}`);
  }
  return alphaBar;
}
