import { z } from "zod";
import { InputError } from "../errors.js";
import { planDdim } from "./ddim.js";
import { planDdpm } from "./ddpm.js";
import { planDpmSolver } from "./dpm-solver.js";
import { planEuler, planEulerAncestral } from "./euler.js";
import { planLcm } from "./lcm.js";
import { type Sampler, type SamplerOptions, type SamplerPlan, samplerOptionsSchema } from "./sampler.js";
import type { NoiseSchedule } from "./schedule.js";

/** Every sampler by name. */
export const samplers = {
  ddpm: planDdpm,
  ddim: planDdim,
  euler: planEuler,
  "euler-a": planEulerAncestral,
  "dpm++": planDpmSolver,
  lcm: planLcm,
} as const satisfies Record<string, Sampler>;
export type SamplerName = keyof typeof samplers;

export const samplerNames = Object.keys(samplers) as SamplerName[];

/**
 * Lays out the steps of a sampler.
 * @throws InputError if the name or an option is not known or out of range, if the schedule has too few timesteps for
 *   the number of steps, or if an epsilon model is asked to start from a level without any signal
 */
export function planSampling(name: SamplerName, schedule: NoiseSchedule, options: SamplerOptions): SamplerPlan {
  if (!Object.hasOwn(samplers, name)) {
    throw new InputError(`unknown sampler ${JSON.stringify(name)}; use one of ${samplerNames.join(", ")}`);
  }
  const parsed = samplerOptionsSchema.safeParse(options);
  if (!parsed.success) throw new InputError(`sampler options: ${z.prettifyError(parsed.error)}`);
  const { steps } = parsed.data;
  if (steps > schedule.trainSteps) {
    throw new InputError(`${steps} steps, but the model was trained with ${schedule.trainSteps}; use at most as many`);
  }

  const plan = samplers[name](schedule, parsed.data);
  checkLevels(name, schedule, plan);
  return plan;
}

function checkLevels(name: SamplerName, schedule: NoiseSchedule, plan: SamplerPlan): void {
  plan.steps.forEach(({ timestep, alpha, sigma }, i) => {
    const earlier = plan.steps[i - 1];
    const stalls = earlier !== undefined && !(sigma < earlier.sigma && timestep <= earlier.timestep);
    if (stalls || timestep < 0 || timestep > schedule.trainSteps - 1) {
      throw new InputError(
        `${name}: ${plan.steps.length} steps do not fit in ${schedule.trainSteps} training timesteps with this spacing ` +
          "and offset; use fewer steps, or timestepSpacing trailing",
      );
    }
    if (alpha === 0 && plan.predictionType === "epsilon") {
      throw new InputError(
        `${name}: this schedule has zero terminal SNR, where an epsilon model says nothing about the image; ` +
          "use euler, euler-a or dpm++, or timestepSpacing leading",
      );
    }
  });
}
