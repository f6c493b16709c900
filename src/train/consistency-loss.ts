import type { ConsistencyLevel, SolverStep } from "../diffusion/lcm.js";
import type { PredictionType } from "../diffusion/schedule.js";
import { stopGradient } from "../graph/gradients/index.js";
import { add, concat, expand, gather, mul, reduceMean, reshape, split, sqrt, sub } from "../graph/operators/index.js";
import { floats, size, type Value } from "../graph/value.js";
import { ddimStep, type NoiseLevel, predictClean } from "./predictions.js";

/** How far two predictions are apart: the mean square, or pseudo-Huber, a square well below `c` and the distance above. */
export type ConsistencyMetric = { readonly kind: "l2" } | { readonly kind: "huber"; readonly c: number };

/** A network: raw output for noisy latents, float [N, C, H, W], at timesteps, float [N]. */
type Network = (x: Value, timesteps: Value) => Value;

export interface ConsistencyDistillation {
  readonly predictionType: PredictionType;
  readonly solver: readonly SolverStep[];
  /** The network that learns. Both of its uses share their weights. */
  readonly student: Network;
  /** The frozen network, with its guidance. */
  readonly teacher: Network;
  readonly metric: ConsistencyMetric;
}

/**
 * What a student says of noisy latents, beside what it says one step of the teacher's solver further down.
 *
 * The latter comes from the student's present weights, without a gradient, where Luo 2023 has a moving average: so does
 * diffusers' distillation of LCM-LoRAs, and Song & Dhariwal 2023 (§3.2) find that consistency training is better without. The
 * teacher is guided in its raw output: clean latents and noise are affine in it, so that guiding those gives the same.
 * Source: Luo 2023, Algorithm 1, with the guidance scale fixed and DDIM as the solver; pseudo-Huber of Song & Dhariwal 2023,
 * §3.3, element by element as in diffusers' `train_lcm_distill_sd_wds.py`.
 * @param x     latents noised to the level that their step begins with, float [N, C, H, W]
 * @param index the step of the solver that each image takes, i64 [N]
 * @returns float []
 */
export function consistencyLoss(distillation: ConsistencyDistillation, x: Value, index: Value): Value {
  const { predictionType: type, solver, student, teacher, metric } = distillation;
  const from = levelsAt(
    solver.map((step) => step.from),
    index,
  );
  const to = levelsAt(
    solver.map((step) => step.to),
    index,
  );
  const next = ddimStep(type, x, teacher(x, from.timesteps), from, to);
  const consistent = (latents: Value, level: Levels) =>
    add(
      mul(latents, level.skip),
      mul(predictClean(type, latents, student(latents, level.timesteps), level), level.out),
    );
  return distance(metric, consistent(x, from), stopGradient(consistent(next, to)));
}

/**
 * A network with classifier-free guidance, both branches in one pass. Source: Ho & Salimans 2022, eq. 6, where w = scale - 1.
 * @param network      also given the conditioning, float [N, S, D]
 * @param conditioning float [N, S, D]
 * @param nobody       unconditional, float [1, S, D]
 * @param scale        1 is off: a single branch
 */
export function guided(
  network: (x: Value, timesteps: Value, conditioning: Value) => Value,
  conditioning: Value,
  nobody: Value,
  scale: number,
): Network {
  if (scale === 1) return (x, timesteps) => network(x, timesteps, conditioning);
  const shape = conditioning.shape.map((_, axis) => size(conditioning, axis));
  const contexts = concat([conditioning, expand(nobody, shape)], 0);
  return (x, timesteps) => {
    const both = network(concat([x, x], 0), concat([timesteps, timesteps], 0), contexts);
    const [conditional, unconditional] = split(both, [size(x, 0), size(x, 0)], 0) as [Value, Value];
    return add(unconditional, mul(sub(conditional, unconditional), scale));
  };
}

interface Levels extends NoiseLevel {
  /** float [N] */
  readonly timesteps: Value;
  /** float [N, 1, 1, 1] */
  readonly skip: Value;
  readonly out: Value;
}

/** The numbers of each image's level. */
function levelsAt(levels: readonly ConsistencyLevel[], index: Value): Levels {
  const column = (name: keyof ConsistencyLevel) => gather(floats(levels.map((level) => level[name])), index);
  const factor = (name: keyof ConsistencyLevel) => reshape(column(name), [size(index, 0), 1, 1, 1]);
  return {
    timesteps: column("timestep"),
    alpha: factor("alpha"),
    sigma: factor("sigma"),
    skip: factor("skip"),
    out: factor("out"),
  };
}

function distance(metric: ConsistencyMetric, a: Value, b: Value): Value {
  const difference = sub(a, b);
  const square = mul(difference, difference);
  if (metric.kind === "l2") return reduceMean(square);
  return reduceMean(sub(sqrt(add(square, metric.c ** 2)), metric.c));
}
