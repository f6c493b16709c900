/**
 * How inference timesteps are taken from the training timesteps 0 … T-1.
 * Source: Lin 2023, Table 2. `leading` never reaches T-1; `linspace` has both ends; `trailing` has T-1.
 */
export const timestepSpacings = ["linspace", "leading", "trailing"] as const;
export type TimestepSpacing = (typeof timestepSpacings)[number];

/**
 * `steps` timesteps in decreasing order. Only those of `linspace` can be fractional: each sampler has its own rounding.
 *
 * diffusers makes `trailing` with a floating-point range, which for some step counts (61, 103, 121 …) appends a
 * timestep -1; here there are always `steps`.
 * @param offset added to the timesteps of `leading`, and of no other spacing (as in diffusers)
 */
export function spaceTimesteps(spacing: TimestepSpacing, trainSteps: number, steps: number, offset: number): number[] {
  const descend = (at: (i: number) => number) => Array.from({ length: steps }, (_, i) => at(steps - 1 - i));
  switch (spacing) {
    case "linspace": {
      if (steps === 1) return [0];
      const gap = (trainSteps - 1) / (steps - 1);
      return descend((i) => (i === steps - 1 ? trainSteps - 1 : i * gap));
    }
    case "leading": {
      const gap = Math.floor(trainSteps / steps);
      return descend((i) => i * gap + offset);
    }
    case "trailing": {
      const gap = trainSteps / steps;
      return Array.from({ length: steps }, (_, i) => roundHalfToEven(trainSteps - i * gap) - 1);
    }
  }
}

/** Rounds to the nearest integer, and halves to the even one, as NumPy does: 499.5 is 500, 500.5 is 500. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
