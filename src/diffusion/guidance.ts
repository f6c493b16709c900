import { InputError } from "../errors.js";

/** Classifier-free guidance (Ho & Salimans 2022). */
export interface Guidance {
  /** 1 is off, and the unconditional branch need not be run. Larger follows the condition more closely. */
  readonly scale: number;
  /** How much of the conditional output's spread is restored, from 0 (none; the default) to 1. */
  readonly rescale?: number;
  /**
   * Guide only at noise-to-signal ratios in (low, high]: sigma in Kynkäänniemi 2024, `sigma / alpha` of a SamplerStep.
   * The default is everywhere. SD-1.5 goes from 14.6 to 0.03.
   */
  readonly interval?: readonly [low: number, high: number];
}

/** The interval that stands for everywhere. */
const everywhere = [0, Number.POSITIVE_INFINITY] as const;

/** @throws InputError if a number is not finite or out of range, saying what it may be */
export function checkGuidance({ scale, rescale = 0, interval: [low, high] = everywhere }: Guidance): void {
  if (!Number.isFinite(scale) || scale < 0) {
    throw new InputError(`guidance scale is ${scale}; give a number of at least 0 (1 is off, 3 is usual)`);
  }
  if (!(rescale >= 0 && rescale <= 1)) {
    throw new InputError(`guidance rescale is ${rescale}; give a number from 0 to 1`);
  }
  if (!(low >= 0 && low < high)) {
    throw new InputError(`guidance interval is ${low} to ${high}; give two noise levels, the lower first`);
  }
}

/**
 * The guidance scale at a noise level: 1, hence off, outside of the interval.
 * Source: Kynkäänniemi 2024, "Applying Guidance in a Limited Interval", eq. 5.
 * @param guidance as `checkGuidance` lets it pass
 */
export function guidanceScaleAt(guidance: Guidance, level: { alpha: number; sigma: number }): number {
  const { scale, interval: [low, high] = everywhere } = guidance;
  const ratio = level.sigma / level.alpha;
  return ratio > low && ratio <= high ? scale : 1;
}

/**
 * Combines two raw outputs of the network, float32 [N, C, H, W] each.
 * Source: Ho & Salimans 2022, eq. 6, where w = scale - 1; Lin 2023 §3.4 for rescale: the standard deviation of every image
 * in the batch goes back towards that of its conditional output.
 * @param scale   from `guidanceScaleAt`
 * @param batch   N
 * @throws InputError if the lengths differ or do not divide into N images
 */
export function guide(
  conditional: Float32Array,
  unconditional: Float32Array,
  { scale, rescale = 0, batch }: { scale: number; rescale?: number; batch: number },
): Float32Array {
  const { length } = conditional;
  if (unconditional.length !== length || !Number.isInteger(batch) || batch < 1 || length % batch !== 0) {
    throw new InputError(
      `guidance: ${length} conditional and ${unconditional.length} unconditional numbers do not make ${batch} images`,
    );
  }
  // Exactly the conditional output, where the formula would round.
  if (scale === 1) return conditional.slice();
  const guided = conditional.map((value, i) => unconditional[i]! + scale * (value - unconditional[i]!));
  if (rescale === 0) return guided;

  const size = length / batch;
  for (let start = 0; start < length; start += size) {
    const image = guided.subarray(start, start + size);
    const spread = standardDeviation(image);
    // A constant output has no spread to restore; that of a single number is not defined.
    if (!(spread > 0)) continue;
    const ratio = standardDeviation(conditional.subarray(start, start + size)) / spread;
    const factor = rescale * ratio + (1 - rescale);
    image.forEach((value, i) => {
      image[i] = value * factor;
    });
  }
  return guided;
}

/** The unbiased estimate, as torch.std. */
function standardDeviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}
