import { InputError, ShapeError } from "../errors.js";
import type { SamplerPlan, SamplerStep, StepWeights } from "./sampler.js";
import type { PredictionType } from "./schedule.js";

/**
 * The network: raw output for noisy latents of unit variance, both float32 of one length.
 * It also gets the step, for its timestep and noise level. It must not keep or change x.
 */
export type Denoise = (x: Float32Array, step: SamplerStep, signal?: AbortSignal) => Promise<Float32Array>;

export interface SampleRequest {
  readonly plan: SamplerPlan;
  readonly denoise: Denoise;
  /** Standard normal numbers, float32, one for each latent of the batch. */
  readonly initialNoise: Float32Array;
  /** Fresh standard normal numbers, as many as there are latents. Called once for each step that draws, in order. */
  readonly drawNoise: () => Float32Array;
  readonly signal?: AbortSignal;
}

export interface SampleProgress {
  /** Steps done, from 1 to `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Timestep that this step started from. */
  readonly timestep: number;
  /** Latents after the step; the result, at the last step. */
  readonly x: Float32Array;
  /** Clean latents predicted in the step, for previews. */
  readonly x0: Float32Array;
}

/**
 * Denoises latents step by step. Every sampler runs through this loop; what differs is the plan.
 * @throws InputError if a draw of noise has another length than the initial noise
 * @throws ShapeError if the network's output has another length than its input
 */
export async function* sample(request: SampleRequest): AsyncGenerator<SampleProgress, void, void> {
  const { plan, denoise, initialNoise, drawNoise, signal } = request;
  const steps = plan.steps.length;
  const longestMemory = Math.max(...plan.steps.map(({ weights }) => weights.earlier?.length ?? 0));
  let x: Float32Array = initialNoise.map((value) => value * plan.initialNoiseScale);
  let earlier: Float32Array[] = [];

  for (const [index, step] of plan.steps.entries()) {
    signal?.throwIfAborted();
    const output = await denoise(x, step, signal);
    if (output.length !== x.length) {
      throw new ShapeError(`sample: the network returned ${output.length} numbers for ${x.length} latents`);
    }
    const x0 = predictClean(plan.predictionType, x, output, step);
    const noise = step.weights.noise === undefined ? undefined : drawNoise();
    if (noise && noise.length !== x.length) {
      throw new InputError(`sample: drawNoise returned ${noise.length} numbers for ${x.length} latents`);
    }
    x = takeStep(step.weights, x, x0, earlier, noise);
    earlier = [x0, ...earlier].slice(0, longestMemory);
    yield { step: index + 1, steps, timestep: step.timestep, x, x0 };
  }
}

/**
 * The clean latents that a raw output of the network implies at a noise level.
 * Source: Salimans & Ho 2022, Appendix D.
 */
export function predictClean(
  type: PredictionType,
  x: Float32Array,
  output: Float32Array,
  { alpha, sigma }: Pick<SamplerStep, "alpha" | "sigma">,
): Float32Array {
  switch (type) {
    case "epsilon":
      return x.map((value, i) => (value - sigma * output[i]!) / alpha);
    case "v_prediction":
      return x.map((value, i) => alpha * value - sigma * output[i]!);
    case "sample":
      return output.slice();
  }
}

function takeStep(
  weights: StepWeights,
  x: Float32Array,
  x0: Float32Array,
  earlier: readonly Float32Array[],
  noise: Float32Array | undefined,
): Float32Array {
  const noiseWeight = weights.noise ?? 0;
  return x.map((value, i) => {
    let next = weights.x * value + weights.x0 * x0[i]!;
    weights.earlier?.forEach((weight, k) => {
      next += weight * earlier[k]![i]!;
    });
    return noise ? next + noiseWeight * noise[i]! : next;
  });
}
