import { InputError } from "../errors.js";

/** x and y in pixels; (0, 0) is the centre of the top left pixel, as in OpenCV, scikit-image and landmark files. */
export type Point = readonly [number, number];

/**
 * A map of the plane, [a, b, c, d, e, f]: x' = a x + b y + c, y' = d x + e y + f.
 * The two rows of OpenCV's 2x3 matrix, one after the other.
 */
export type Affine = readonly [number, number, number, number, number, number];

export function applyAffine([a, b, c, d, e, f]: Affine, [x, y]: Point): Point {
  return [a * x + b * y + c, d * x + e * y + f];
}

/** @throws InputError if the map flattens the plane, or holds a number that is not finite */
export function invertAffine([a, b, c, d, e, f]: Affine): Affine {
  const determinant = a * e - b * d;
  const inverse: Affine = [
    e / determinant,
    -b / determinant,
    (b * f - e * c) / determinant,
    -d / determinant,
    a / determinant,
    (d * c - a * f) / determinant,
  ];
  if (!inverse.every(Number.isFinite)) {
    throw new InputError(`The transform [${[a, b, c, d, e, f].join(", ")}] cannot be inverted: its points coincide.`);
  }
  return inverse;
}

/** Refuses point lists of another length, or with numbers that are not finite, before they turn into a black image. */
export function checkPoints(points: readonly Point[], count: number, what: string): void {
  if (points.length !== count || !points.every(([x, y]) => Number.isFinite(x) && Number.isFinite(y))) {
    throw new InputError(`${what}: ${count} points of finite x and y are needed; ${points.length} were given.`);
  }
}
