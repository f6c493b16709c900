import { z } from "zod";
import { CheckpointError } from "../errors.js";
import { type SamplerOptions, samplerOptionsSchema } from "./sampler.js";
import { betaSchedules, createNoiseSchedule, type NoiseScheduleConfig, predictionTypes } from "./schedule.js";
import { timestepSpacings } from "./timesteps.js";

/** The two things that a diffusers `scheduler_config.json` holds. */
export interface SchedulerConfig {
  /** How the network was trained. */
  readonly noise: NoiseScheduleConfig;
  /** How it is sampled; an absent option has the sampler's default. */
  readonly sampler: Omit<SamplerOptions, "steps">;
}

/**
 * Stable Diffusion 1.5, hence Arc2Face. Its file names no timestep spacing and diffusers' `from_config` passes on only
 * what a file has, so that each sampler keeps its own default: DPMSolverMultistepScheduler made from it, which Arc2Face
 * uses, has linspace spacing, order 2, midpoint, and ignores steps_offset; DDIM and DDPM have leading spacing, offset 1.
 */
export const stableDiffusion15: SchedulerConfig = {
  noise: {
    trainSteps: 1000,
    betaSchedule: "scaled_linear",
    betaStart: 0.00085,
    betaEnd: 0.012,
    zeroTerminalSnr: false,
    predictionType: "epsilon",
  },
  sampler: { stepsOffset: 1, setAlphaToOne: false },
};

const options = samplerOptionsSchema.shape;

/** Where the classes of diffusers disagree on a default (the betas), the key is required. */
const schema = z.object({
  num_train_timesteps: z.int().min(2).default(1000),
  beta_schedule: z.enum(betaSchedules),
  beta_start: z.number(),
  beta_end: z.number(),
  trained_betas: z.array(z.number()).nullish(),
  rescale_betas_zero_snr: z.boolean().nullish(),
  prediction_type: z.enum(predictionTypes).default("epsilon"),
  timestep_spacing: z.enum(timestepSpacings).optional(),
  steps_offset: options.stepsOffset.unwrap().optional(),
  set_alpha_to_one: z.boolean().optional(),
  solver_order: options.order.unwrap().optional(),
  solver_type: options.solverType.unwrap().optional(),
  lower_order_final: z.boolean().optional(),
  euler_at_final: z.boolean().optional(),
  use_karras_sigmas: z.boolean().nullish(),
  final_sigmas_type: options.finalSigma.unwrap().optional(),
  original_inference_steps: options.originalSteps.unwrap().optional(),
  timestep_scaling: options.timestepScaling.unwrap().optional(),
  // Known only at one value; any other is refused.
  algorithm_type: z.literal("dpmsolver++").optional(),
  variance_type: z.literal("fixed_small").nullish(),
  interpolation_type: z.literal("linear").optional(),
  timestep_type: z.literal("discrete").optional(),
});

/** Keys without effect here: settings of samplers that we lack, or of features that are off. */
const ignored = new Set([
  "skip_prk_steps",
  "clip_sample_range",
  "dynamic_thresholding_ratio",
  "sample_max_value",
  "flow_shift",
  "time_shift_type",
  "predict_x0",
  "solver_p",
  "disable_corrector",
]);

/**
 * Reads the text of a diffusers `scheduler_config.json`.
 *
 * Keys that begin with `_` are ignored. A key that is not known must be off (null, false, or an empty list): an option
 * that would change the images is never dropped in silence. So `clip_sample`, `thresholding` and `use_beta_sigmas`,
 * say, are refused if true; an absent `clip_sample` means false, though diffusers' DDIM and DDPM would clip.
 * @throws CheckpointError if the text is not such a file, or asks for what is not supported; it names the key
 */
export function parseSchedulerConfig(text: string): SchedulerConfig {
  const { known, foreign } = splitKeys(parseObject(text));
  for (const [key, value] of foreign) {
    if (value !== null && value !== false && !(Array.isArray(value) && value.length === 0)) {
      throw new CheckpointError(
        `scheduler_config.json: ${key} is ${JSON.stringify(value)}, which is not supported; turn it off or use another model`,
      );
    }
  }
  const parsed = schema.safeParse(known);
  if (!parsed.success) throw new CheckpointError(`scheduler_config.json: ${z.prettifyError(parsed.error)}`);
  const file = parsed.data;
  return {
    noise: requireSchedule({
      trainSteps: file.num_train_timesteps,
      betaSchedule: file.beta_schedule,
      betaStart: file.beta_start,
      betaEnd: file.beta_end,
      ...(file.trained_betas && { trainedBetas: file.trained_betas }),
      zeroTerminalSnr: file.rescale_betas_zero_snr ?? false,
      predictionType: file.prediction_type,
    }),
    sampler: {
      timestepSpacing: file.timestep_spacing,
      stepsOffset: file.steps_offset,
      setAlphaToOne: file.set_alpha_to_one,
      order: file.solver_order,
      solverType: file.solver_type,
      lowerOrderFinal: file.lower_order_final,
      eulerAtFinal: file.euler_at_final,
      karrasSigmas: file.use_karras_sigmas ?? undefined,
      finalSigma: file.final_sigmas_type,
      originalSteps: file.original_inference_steps,
      timestepScaling: file.timestep_scaling,
    },
  };
}

/** Refuses numbers that give no schedule here, where they are the file's fault, and not later the caller's. */
function requireSchedule(noise: NoiseScheduleConfig): NoiseScheduleConfig {
  try {
    createNoiseSchedule(noise);
    return noise;
  } catch (cause) {
    throw new CheckpointError(`scheduler_config.json: ${(cause as Error).message}`, { cause });
  }
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    // Python writes "lambda_min_clipped": -Infinity, which is not JSON; it means that the feature is off.
    value = JSON.parse(text.replace(/:\s*-Infinity\b/g, ": null"));
  } catch (cause) {
    throw new CheckpointError("scheduler_config.json is not JSON; download it again", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CheckpointError("scheduler_config.json does not hold an object; download it again");
  }
  return value as Record<string, unknown>;
}

function splitKeys(file: Record<string, unknown>) {
  const entries = Object.entries(file).filter(([key]) => !key.startsWith("_") && !ignored.has(key));
  const isKnown = ([key]: [string, unknown]) => Object.hasOwn(schema.shape, key);
  return { known: Object.fromEntries(entries.filter(isKnown)), foreign: entries.filter((entry) => !isKnown(entry)) };
}
