import { InputError } from "../errors.js";

/** What the network's raw output is: the noise, the velocity of Salimans & Ho 2022, or the clean latents. */
export const predictionTypes = ["epsilon", "v_prediction", "sample"] as const;
export type PredictionType = (typeof predictionTypes)[number];

export const betaSchedules = ["linear", "scaled_linear", "squaredcos_cap_v2"] as const;
export type BetaSchedule = (typeof betaSchedules)[number];

export interface NoiseScheduleConfig {
  /** Number of noise levels that the network was trained on. */
  readonly trainSteps: number;
  readonly betaSchedule: BetaSchedule;
  /** First and last beta; `squaredcos_cap_v2` does not use them. */
  readonly betaStart: number;
  readonly betaEnd: number;
  /** Betas given one by one; they take the place of the three fields above. */
  readonly trainedBetas?: readonly number[];
  /** Shifts and scales the schedule so that nothing of the image is left at the last timestep. */
  readonly zeroTerminalSnr: boolean;
  readonly predictionType: PredictionType;
}

/** A forward process x_t = sqrt(alphasCumprod[t]) x_0 + sqrt(1 - alphasCumprod[t]) noise. */
export interface NoiseSchedule {
  readonly trainSteps: number;
  readonly predictionType: PredictionType;
  /** float32 [trainSteps], decreasing, in [0, 1). 0 occurs only at the last timestep, with `zeroTerminalSnr`. */
  readonly alphasCumprod: Float32Array;
  /** Noise-to-signal ratio sqrt((1 - alphasCumprod) / alphasCumprod), float32 [trainSteps], increasing, finite. */
  readonly sigmas: Float32Array;
}

/**
 * Tabulates a noise schedule in float32 with torch's order of operations, so that every entry has diffusers' bits
 * (but for `zeroTerminalSnr`, where torch's vectorised square root is not correctly rounded).
 * @throws InputError if the betas are not all in (0, 1], or not as many as the training steps
 */
export function createNoiseSchedule(config: NoiseScheduleConfig): NoiseSchedule {
  const { trainSteps, predictionType } = config;
  if (!Number.isInteger(trainSteps) || trainSteps < 2) {
    throw new InputError(`noise schedule: trainSteps is ${trainSteps}; give an integer of at least 2`);
  }
  const betas = trainingBetas(config);
  if (betas.length !== trainSteps) {
    throw new InputError(
      `noise schedule: ${betas.length} trained betas for ${trainSteps} training steps; give as many`,
    );
  }
  const bad = betas.findIndex((beta) => !(beta > 0 && beta <= 1));
  if (bad >= 0) throw new InputError(`noise schedule: beta ${bad} is ${betas[bad]}; each must be above 0, at most 1`);

  const alphasCumprod = cumulativeAlphas(config.zeroTerminalSnr ? rescaleZeroTerminalSnr(betas) : betas);
  return { trainSteps, predictionType, alphasCumprod, sigmas: alphasCumprod.map(noiseToSignal) };
}

function trainingBetas(config: NoiseScheduleConfig): Float32Array {
  const { trainSteps, betaSchedule, betaStart, betaEnd, trainedBetas } = config;
  if (trainedBetas) return Float32Array.from(trainedBetas);
  switch (betaSchedule) {
    case "linear":
      return linspaceFloat32(betaStart, betaEnd, trainSteps);
    case "scaled_linear":
      return linspaceFloat32(Math.sqrt(betaStart), Math.sqrt(betaEnd), trainSteps).map((root) => root * root);
    case "squaredcos_cap_v2":
      return cosineBetas(trainSteps);
  }
}

/** torch.linspace in float32: counted from both ends, and each term rounded once (a fused multiply-add). */
function linspaceFloat32(start: number, end: number, count: number): Float32Array {
  const first = Math.fround(start);
  const last = Math.fround(end);
  const step = Math.fround(Math.fround(last - first) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) =>
    i < Math.floor(count / 2) ? first + step * i : last - step * (count - 1 - i),
  );
}

/** Source: Nichol & Dhariwal 2021, eq. 17, with betas capped at 0.999. */
function cosineBetas(count: number): Float32Array {
  const alphaBar = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  return Float32Array.from({ length: count }, (_, i) =>
    Math.min(1 - alphaBar((i + 1) / count) / alphaBar(i / count), 0.999),
  );
}

/** Products of (1 - beta), accumulated in float64 and stored in float32, as torch.cumprod does on the CPU. */
function cumulativeAlphas(betas: Float32Array): Float32Array {
  let product = 1;
  return betas.map((beta) => {
    product *= Math.fround(1 - beta);
    return product;
  });
}

/** Source: Lin 2023, "Common Diffusion Noise Schedules and Sample Steps are Flawed", Algorithm 1. */
function rescaleZeroTerminalSnr(betas: Float32Array): Float32Array {
  const roots = cumulativeAlphas(betas).map(Math.sqrt);
  const first = roots[0]!;
  const last = roots.at(-1)!;
  const scale = Math.fround(first / Math.fround(first - last));
  const shifted = roots.map((root) => Math.fround(root - last) * scale).map((root) => root * root);
  return shifted.map((alphaBar, t) => 1 - (t === 0 ? alphaBar : Math.fround(alphaBar / shifted[t - 1]!)));
}

/**
 * A schedule with zero terminal SNR would have an infinite ratio at its end. Like diffusers, the samplers that
 * work with ratios see the smallest number of float16 instead of the zero.
 */
function noiseToSignal(alphaCumprod: number): number {
  const alphaBar = alphaCumprod === 0 ? 2 ** -24 : alphaCumprod;
  return Math.sqrt(Math.fround(Math.fround(1 - alphaBar) / alphaBar));
}
