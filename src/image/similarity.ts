import { InputError } from "../errors.js";
import { type Affine, checkPoints, type Point } from "./affine.js";

/**
 * The rotation, uniform scale and shift that bring `from` closest to `to` in least squares.
 * Never a reflection: for mirrored points it is the best map without one.
 * Source: Umeyama 1991, eq. 40 to 43. In the plane the singular value decomposition with its sign matrix S has a closed
 * form: over rotations, tr(R^T Σ) is largest at the angle of (Σ11 + Σ22, Σ21 − Σ12), where it is the length of that vector.
 * @throws InputError if there are fewer than two points, the lists differ in length, all points of `from` coincide, or
 *   no angle is better than another
 */
export function estimateSimilarity(from: readonly Point[], to: readonly Point[]): Affine {
  const count = from.length;
  if (count < 2) throw new InputError(`A similarity transform needs at least 2 points; ${count} were given.`);
  checkPoints(from, count, "Similarity transform");
  checkPoints(to, count, "Similarity transform");
  const [fromX, fromY] = centroid(from);
  const [toX, toY] = centroid(to);

  let dot = 0; // count (Σ11 + Σ22)
  let cross = 0; // count (Σ21 − Σ12)
  let spread = 0; // count σ²
  let toSpread = 0;
  for (let i = 0; i < count; i++) {
    const [x, y] = [from[i]![0] - fromX, from[i]![1] - fromY];
    const [u, v] = [to[i]![0] - toX, to[i]![1] - toY];
    dot += x * u + y * v;
    cross += x * v - y * u;
    spread += x * x + y * y;
    toSpread += u * u + v * v;
  }
  // Relative to what the points could give at best, so that the check holds at any scale.
  if (!(Math.hypot(dot, cross) > 1e-12 * Math.sqrt(spread * toSpread))) {
    throw new InputError("The points fix no similarity transform: they coincide, or one set mirrors the other.");
  }
  const cosine = dot / spread; // times the scale
  const sine = cross / spread;
  return [cosine, -sine, toX - cosine * fromX + sine * fromY, sine, cosine, toY - sine * fromX - cosine * fromY];
}

function centroid(points: readonly Point[]): Point {
  const sum = points.reduce(([sumX, sumY], [x, y]) => [sumX + x, sumY + y] as const, [0, 0] as Point);
  return [sum[0] / points.length, sum[1] / points.length];
}
