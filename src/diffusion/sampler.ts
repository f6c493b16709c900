import { z } from "zod";
import type { NoiseSchedule, PredictionType } from "./schedule.js";
import { timestepSpacings } from "./timesteps.js";

/** The names and defaults of what a sampler can be told; a sampler ignores what does not concern it. */
export const samplerOptionsSchema = z.strictObject({
  /** Number of evaluations of the network. */
  steps: z.int().min(1),
  /** Default: `leading` for ddpm and ddim, `linspace` for euler, euler-a and dpm++; lcm has its own. */
  timestepSpacing: z.enum(timestepSpacings).optional(),
  /** Added to the timesteps of `leading` spacing. */
  stepsOffset: z.int().min(0).default(0),
  /** ddim: share of the noise of an ancestral step, from 0 (deterministic) to 1 (like ddpm). */
  eta: z.number().min(0).max(1).default(0),
  /** ddim: whether the last step ends at alphasCumprod 1, or else at that of timestep 0. */
  setAlphaToOne: z.boolean().default(true),
  /** dpm++: order of the solver. */
  order: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(2),
  /** dpm++: which second-order formula. */
  solverType: z.enum(["midpoint", "heun"]).default("midpoint"),
  /** dpm++: whether the last steps are of lower order when there are fewer than 15. */
  lowerOrderFinal: z.boolean().default(true),
  /** dpm++: whether the last step is of first order whatever the number of steps. */
  eulerAtFinal: z.boolean().default(false),
  /** dpm++, euler: whether noise levels are spaced as in Karras 2022, eq. 5, with rho 7. */
  karrasSigmas: z.boolean().default(false),
  /** dpm++, euler: whether the last step ends without noise, or at the smallest training noise. */
  finalSigma: z.enum(["zero", "sigma_min"]).default("zero"),
  /** lcm: number of timesteps of the distilled teacher, from which the steps are taken. */
  originalSteps: z.int().min(1).default(50),
  /** lcm: factor of the timestep in the boundary condition. */
  timestepScaling: z.number().positive().default(10),
});
export type SamplerOptions = z.input<typeof samplerOptionsSchema>;
export type ResolvedSamplerOptions = z.output<typeof samplerOptionsSchema>;

/** Weights of one step: x_next = x·[x] + x0·[x0] + Σ earlier[k]·[x0 predicted k+1 steps ago] + noise·[fresh noise]. */
export interface StepWeights {
  readonly x: number;
  readonly x0: number;
  readonly earlier?: readonly number[];
  /**
   * Absent: the step draws no noise. Zero: noise is drawn and has no effect, where diffusers does the same,
   * so that a shared random generator stays in the same state.
   */
  readonly noise?: number;
}

export interface SamplerStep {
  /** What the network is told, in [0, trainSteps). Fractional for `euler` and `euler-a` with `linspace` spacing. */
  readonly timestep: number;
  /** Factor of the clean latents in x at the start of the step. */
  readonly alpha: number;
  /** Factor of the noise in x at the start of the step; alpha² + sigma² = 1. */
  readonly sigma: number;
  readonly weights: StepWeights;
}

/**
 * A sampler for one schedule and number of steps, as a table of numbers.
 *
 * All samplers here keep the latents at unit variance, x = alpha·x0 + sigma·noise, so that x goes into the network as it
 * is. (diffusers' Euler samplers hold x / alpha and scale it before each call; the trajectory is otherwise the same.)
 */
export interface SamplerPlan {
  readonly predictionType: PredictionType;
  /** Factor of the standard normal noise from which sampling starts. */
  readonly initialNoiseScale: number;
  readonly steps: readonly SamplerStep[];
}

/** Lays out the steps of one sampler. Pure; `planSampling` checks the arguments first and the plan after. */
export type Sampler = (schedule: NoiseSchedule, options: ResolvedSamplerOptions) => SamplerPlan;
