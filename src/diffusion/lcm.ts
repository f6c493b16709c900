import { InputError } from "../errors.js";
import type { ResolvedSamplerOptions, Sampler } from "./sampler.js";
import type { NoiseSchedule } from "./schedule.js";

/** Standard deviation of the data that the boundary condition assumes. */
const dataSigma = 0.5;

/** A noise level as a consistency model sees it: it predicts skip·x + out·x0, which at timestep 0 is x itself. */
export interface ConsistencyLevel {
  readonly timestep: number;
  /** Factor of the clean latents in x. */
  readonly alpha: number;
  /** Factor of the noise in x. */
  readonly sigma: number;
  readonly skip: number;
  readonly out: number;
}

/** What a consistency model is distilled with, and has to be sampled with. */
export type ConsistencyOptions = Pick<ResolvedSamplerOptions, "originalSteps" | "timestepScaling">;

/** A step of the teacher's solver: `from` the noisier level `to` the next. */
export interface SolverStep {
  readonly from: ConsistencyLevel;
  readonly to: ConsistencyLevel;
}

/**
 * The steps of the teacher's solver, from the last timestep down. The lowest one ends at timestep 0.
 * Source: Luo 2023, §4.3 (skipping steps); boundary condition of Song 2023, Appendix C, with the timestep scaled as in
 * the authors' code.
 * @throws InputError if there are more steps than training steps
 */
export function planSolver(schedule: NoiseSchedule, options: ConsistencyOptions): SolverStep[] {
  const { alphasCumprod, trainSteps } = schedule;
  const { originalSteps, timestepScaling } = options;
  if (originalSteps > trainSteps) {
    throw new InputError(`lcm: originalSteps is ${originalSteps}, but the model has ${trainSteps} training steps`);
  }
  const levelAt = (timestep: number): ConsistencyLevel => {
    const alphaBar = alphasCumprod[timestep]!;
    const scaled = timestep * timestepScaling;
    return {
      timestep,
      alpha: Math.sqrt(alphaBar),
      sigma: Math.sqrt(1 - alphaBar),
      skip: dataSigma ** 2 / (scaled ** 2 + dataSigma ** 2),
      out: scaled / Math.sqrt(scaled ** 2 + dataSigma ** 2),
    };
  };
  const stride = Math.floor(trainSteps / originalSteps);
  return Array.from({ length: originalSteps }, (_, i) => {
    const timestep = (originalSteps - i) * stride - 1;
    return { from: levelAt(timestep), to: levelAt(Math.max(0, timestep - stride)) };
  });
}

/**
 * Multistep sampling of a latent consistency model: predict the clean latents, noise them to the next level, repeat.
 * Source: Luo 2023, Algorithm 3. The timesteps are taken from those of the distilled teacher, so `timestepSpacing` and
 * `stepsOffset` do not apply.
 * @throws InputError if there are more steps than the teacher has, or more teacher steps than training steps
 */
export const planLcm: Sampler = (schedule, options) => {
  const { steps: count, originalSteps } = options;
  const solver = planSolver(schedule, options);
  if (count > originalSteps) {
    throw new InputError(`lcm: ${count} steps; use at most ${originalSteps}, as many as the model was distilled with`);
  }
  const levels = Array.from({ length: count }, (_, i) => solver[Math.floor(i * (originalSteps / count))]!.from);
  const steps = levels.map(({ timestep, alpha, sigma, skip, out }, i) => {
    const next = levels[i + 1];
    const weights = next ? { x: next.alpha * skip, x0: next.alpha * out, noise: next.sigma } : { x: skip, x0: out };
    return { timestep, alpha, sigma, weights };
  });
  return { predictionType: schedule.predictionType, initialNoiseScale: 1, steps };
};
