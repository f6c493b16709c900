/** Functions of the noise-to-signal ratio, written `ratio` here: "sigma" in Karras 2022, sigma / alpha in a SamplerStep. */

/** The unit-variance pair (alpha, sigma) with sigma / alpha = ratio. */
export function splitRatio(ratio: number): { alpha: number; sigma: number } {
  const alpha = 1 / Math.hypot(ratio, 1);
  return { alpha, sigma: ratio * alpha };
}

/**
 * `count` ratios from `max` down to `min`, dense near the end.
 * Source: Karras 2022, eq. 5, rho 7.
 */
export function karrasRatios(max: number, min: number, count: number): number[] {
  const rho = 7;
  const start = max ** (1 / rho);
  const gap = count > 1 ? (min ** (1 / rho) - start) / (count - 1) : 0;
  return Array.from({ length: count }, (_, i) => (start + i * gap) ** rho);
}

/** The ratio at a possibly fractional timestep, linear between the entries of the table. */
export function ratioAt(ratios: Float32Array, timestep: number): number {
  const low = Math.min(Math.floor(timestep), ratios.length - 2);
  return ratios[low]! + (timestep - low) * (ratios[low + 1]! - ratios[low]!);
}

/** The fractional timestep of a ratio, linear in the logarithm and clamped to the table. */
export function timestepAt(ratios: Float32Array, ratio: number): number {
  const above = ratios.findIndex((entry) => entry > ratio);
  const low = Math.min(Math.max(above < 0 ? ratios.length : above, 1) - 1, ratios.length - 2);
  const logLow = Math.log(ratios[low]!);
  const position = (Math.log(ratio) - logLow) / (Math.log(ratios[low + 1]!) - logLow);
  return low + Math.min(Math.max(position, 0), 1);
}
