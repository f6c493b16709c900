import { add, concat, div, greater, minimum, mul, reduceL2, sqrt, sub, unsqueeze } from "../graph/operators/index.js";
import { input, type Value } from "../graph/value.js";

export interface AdamWOptions {
  /** Decay of the first and the second moment. */
  readonly betas: readonly [number, number];
  /** Added to the square root of the second moment. */
  readonly epsilon: number;
  /** Gradients together longer than this are scaled down to it; absent: they are taken as they are. */
  readonly clipNorm?: number;
}

/** A parameter as the optimizer sees it. */
export interface Parameter {
  /** An input, float32; its name is the parameter's path. */
  readonly value: Value;
  /** Factor on the learning rate; default 1. */
  readonly rateScale?: number;
  /** Share of the parameter that is taken away in a step, times the learning rate; default 0. */
  readonly weightDecay?: number;
}

/** What an update computes: each `next` replaces the input `slot` for the next step. */
export interface Update {
  readonly slot: Value;
  readonly next: Value;
}

/** Names of the state that belongs to a parameter. */
export const slotName = {
  moment1: (path: string) => `moment1/${path}`,
  moment2: (path: string) => `moment2/${path}`,
  ema: (path: string) => `ema/${path}`,
  gradient: (path: string) => `gradient/${path}`,
} as const;

/**
 * The three numbers of a step, float32 []. Folding the bias corrections into them saves passes over every parameter.
 * `rate`: learning rate; `stepSize`: rate * sqrt(1 - beta2^t) / (1 - beta1^t); `epsilon`: epsilon * sqrt(1 - beta2^t).
 */
export const adamWInputs = () => ({
  rate: input("learningRate", "f32", []),
  stepSize: input("stepSize", "f32", []),
  epsilon: input("epsilon", "f32", []),
});

/** What is fed to {@link adamWInputs}. @param update counted from 1 */
export function adamWFeeds({ betas, epsilon }: AdamWOptions, learningRate: number, update: number) {
  const root = Math.sqrt(1 - betas[1] ** update);
  return {
    learningRate,
    stepSize: (learningRate * root) / (1 - betas[0] ** update),
    epsilon: epsilon * root,
  };
}

/** The length of all gradients as one vector, float32 []. */
export function globalNorm(gradients: readonly Value[]): Value {
  return reduceL2(
    concat(
      gradients.map((gradient) => unsqueeze(reduceL2(gradient), [0])),
      0,
    ),
  );
}

/** Factor that brings gradients of this norm down to `clipNorm`. Source: torch.nn.utils.clip_grad_norm_. */
function clipFactor(norm: Value, clipNorm: number): Value {
  return minimum(div(clipNorm, add(norm, 1e-6)), 1);
}

/**
 * Factor on gradients that were added up over `accumulate` batches, whose mean has this norm: averaging, and clipping.
 * @param norm float32 []
 */
export function gradientScale(norm: Value, { clipNorm }: AdamWOptions, accumulate: number): Value {
  return mul(clipNorm === undefined ? 1 : clipFactor(norm, clipNorm), 1 / accumulate);
}

/** Whether a float32 [] is a number and finite, bool []. */
export const finite = (x: Value): Value => greater(3.4028234663852886e38, x);

/**
 * One step of AdamW for one parameter: decoupled weight decay, bias-corrected moments.
 * Source: Loshchilov & Hutter 2019, Algorithm 2; torch.optim.AdamW, whose weights it reproduces.
 * @param gradient float32, like the parameter
 * @param scale    factor on the gradient (clipping, averaging), float32 []
 */
export function adamW(
  { value, rateScale = 1, weightDecay = 0 }: Parameter,
  gradient: Value,
  scale: Value,
  inputs: ReturnType<typeof adamWInputs>,
  { betas: [beta1, beta2] }: AdamWOptions,
): Update[] {
  const path = value.name as string;
  const slot = (name: string) => input(name, "f32", value.shape);
  const [moment1, moment2] = [slot(slotName.moment1(path)), slot(slotName.moment2(path))];
  // (1 - beta1) g serves both moments: one pass over the gradient less.
  const share = mul(gradient, mul(scale, 1 - beta1));
  const nextMoment1 = add(mul(moment1, beta1), share);
  const nextMoment2 = add(mul(moment2, beta2), mul(mul(share, share), (1 - beta2) / (1 - beta1) ** 2));
  const scaled = (rate: Value) => (rateScale === 1 ? rate : mul(rate, rateScale));
  const change = mul(div(nextMoment1, add(sqrt(nextMoment2), inputs.epsilon)), scaled(inputs.stepSize));
  const kept = weightDecay === 0 ? value : mul(value, sub(1, mul(scaled(inputs.rate), weightDecay)));
  return [
    { slot: value, next: sub(kept, change) },
    { slot: moment1, next: nextMoment1 },
    { slot: moment2, next: nextMoment2 },
  ];
}

/**
 * Exponential moving average of a parameter, updated with its new value.
 * Source: diffusers EMAModel.step.
 * @param rate 1 - decay, float32 []
 */
export function emaUpdate(path: string, next: Value, rate: Value): Update {
  const slot = input(slotName.ema(path), "f32", next.shape);
  return { slot, next: add(slot, mul(sub(next, slot), rate)) };
}
