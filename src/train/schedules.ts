/** Numbers that change from step to step and are fed to the training graph. Pure functions, so that a resumed run repeats them. */

export interface LearningRateSchedule {
  /** The highest rate, reached after the warm-up. */
  readonly peak: number;
  /** How the rate goes on after the warm-up: stays, or follows half a cosine down to `final` at the last step. */
  readonly shape: "constant" | "cosine";
  /** Steps over which the rate rises evenly from nearly 0. */
  readonly warmupSteps: number;
  /** Where the cosine ends. */
  readonly final: number;
}

/**
 * The learning rate of one step.
 * @param step  counted from 0
 * @param steps of the whole run
 */
export function learningRateAt(schedule: LearningRateSchedule, step: number, steps: number): number {
  const { peak, shape, warmupSteps, final } = schedule;
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  if (shape === "constant") return peak;
  const progress = (step - warmupSteps) / Math.max(1, steps - 1 - warmupSteps);
  return final + ((peak - final) * (1 + Math.cos(Math.PI * Math.min(1, progress)))) / 2;
}

export interface EmaSchedule {
  /** The decay that is approached, such as 0.9999. */
  readonly decay: number;
  /** The decay after n updates is 1 - (1 + n / inverseGamma) ^ -power, so that early weights are forgotten quickly. */
  readonly inverseGamma: number;
  readonly power: number;
}

/**
 * The share of the old average that an update keeps; 0 at the first, which copies the parameters.
 * Source: diffusers EMAModel.get_decay with use_ema_warmup; Karras's and crowsonkb's warm-up.
 * @param update counted from 1
 */
export function emaDecayAt({ decay, inverseGamma, power }: EmaSchedule, update: number): number {
  if (update <= 1) return 0;
  return Math.min(decay, 1 - (1 + (update - 1) / inverseGamma) ** -power);
}
