import { karrasRatios, splitRatio, timestepAt } from "./noise-levels.js";
import type { ResolvedSamplerOptions, Sampler, StepWeights } from "./sampler.js";
import type { NoiseSchedule } from "./schedule.js";
import { roundHalfToEven, spaceTimesteps } from "./timesteps.js";

/** Below this many steps, `lowerOrderFinal` applies. */
const fewSteps = 15;

/**
 * DPM-Solver++, the multistep form (2M and 3M).
 * Source: Lu 2022b, Algorithm 2, and Lu 2022a, Appendix B (third order). Of the two second-order formulas, `heun` is the
 * exact integral of the linear interpolation, and `midpoint` a simplification that paper prefers under guidance.
 */
export const planDpmSolver: Sampler = (schedule, options) => {
  const { timesteps, ratios } = options.karrasSigmas
    ? karrasLevels(schedule, options)
    : spacedLevels(schedule, options);
  const finalRatio = options.finalSigma === "zero" ? 0 : schedule.sigmas[0]!;
  // Rounded, so that the last level of Karras' spacing equals sigma_min exactly.
  const levels = [...ratios, finalRatio].map((ratio) => Math.fround(ratio));
  const steps = timesteps.map((timestep, i) => ({
    timestep,
    ...splitRatio(levels[i]!),
    weights: solverWeights(levels, i, stepOrder(i, options), options.solverType),
  }));
  return { predictionType: schedule.predictionType, initialNoiseScale: 1, steps };
};

interface Levels {
  timesteps: number[];
  ratios: number[];
}

/** As in diffusers, the timesteps are those of one step more, without the last: the final level stands for it. */
function spacedLevels(schedule: NoiseSchedule, options: ResolvedSamplerOptions): Levels {
  const { steps, stepsOffset, timestepSpacing: spacing = "linspace" } = options;
  const timesteps =
    spacing === "trailing"
      ? spaceTimesteps(spacing, schedule.trainSteps, steps, stepsOffset)
      : spaceTimesteps(spacing, schedule.trainSteps, steps + 1, stepsOffset)
          .slice(0, -1)
          .map(roundHalfToEven);
  return { timesteps, ratios: timesteps.map((t) => schedule.sigmas[t]!) };
}

/**
 * Two neighbouring levels can share a timestep near the end, where Karras' spacing is finer than the schedule.
 * Timesteps are rounded; for `squaredcos_cap_v2`, diffusers cuts the fraction off instead.
 */
function karrasLevels({ sigmas }: NoiseSchedule, { steps }: ResolvedSamplerOptions): Levels {
  const ratios = karrasRatios(sigmas.at(-1)!, sigmas[0]!, steps);
  return { ratios, timesteps: ratios.map((ratio) => roundHalfToEven(timestepAt(sigmas, ratio))) };
}

/** The order of step i: no more than there are earlier predictions, and lower towards the end. */
function stepOrder(i: number, options: ResolvedSamplerOptions): number {
  const { steps, order } = options;
  const lowerOrderFinal = options.lowerOrderFinal && steps < fewSteps;
  if (i === steps - 1 && (lowerOrderFinal || options.eulerAtFinal || options.finalSigma === "zero")) return 1;
  if (i === steps - 2 && lowerOrderFinal) return Math.min(order, i + 1, 2);
  return Math.min(order, i + 1);
}

/**
 * Weights of one step of the given order, in lambda = log(alpha / sigma).
 * The published formulas are sums over D0, D1, D2, the finite differences of the predictions; here they are collected
 * by prediction.
 */
function solverWeights(levels: readonly number[], i: number, order: number, type: "midpoint" | "heun"): StepWeights {
  // Both ends at the smallest noise: nothing is left to solve, and the formulas would divide by h = 0.
  if (levels[i] === levels[i + 1]) return { x: 1, x0: 0 };

  const lambda = (k: number) => -Math.log(levels[k]!);
  const { alpha, sigma } = splitRatio(levels[i + 1]!);
  const x = sigma / splitRatio(levels[i]!).sigma;
  const h = lambda(i + 1) - lambda(i);
  const d0 = -alpha * Math.expm1(-h);
  if (order === 1) return { x, x0: d0 };

  const r0 = (lambda(i) - lambda(i - 1)) / h;
  const exact = alpha * (Math.expm1(-h) / h + 1);
  if (order === 2) {
    const d1 = (type === "midpoint" ? d0 / 2 : exact) / r0;
    return { x, x0: d0 + d1, earlier: [-d1] };
  }

  const r1 = (lambda(i - 1) - lambda(i - 2)) / h;
  // D2 is half of h² times the second derivative, so that the Taylor series asks for twice this weight, and then the error
  // falls with the third power of h. The authors' code and diffusers have it so, and their trajectories come first here.
  const d2 = -alpha * ((Math.expm1(-h) + h) / h ** 2 - 0.5);
  // D1 = near + r0 (near - far) / (r0 + r1) and D2 = (near - far) / (r0 + r1), where near = (m0 - m1) / r0 and
  // far = (m1 - m2) / r1.
  const near = (exact + (exact * r0 + d2) / (r0 + r1)) / r0;
  const far = -(exact * r0 + d2) / (r0 + r1) / r1;
  return { x, x0: d0 + near, earlier: [far - near, -far] };
}
