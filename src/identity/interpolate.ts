import { InputError } from "../errors.js";
import { cosine } from "../face/identity.js";

/** Below this angle in radians the great circle through two points is not known well. */
const smallestAngle = 1e-4;

/**
 * Spherical interpolation: equal steps on the great circle from one identity to another.
 * Source: Shoemake 1985.
 * @param from  float32 [E], unit norm
 * @param to    float32 [E], unit norm
 * @param count points, both ends included; at least 2
 * @throws InputError if the two are the same, or opposite
 */
export function interpolateIdentities(from: Float32Array, to: Float32Array, count: number): Float32Array[] {
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine(from, to))));
  if (angle < smallestAngle) throw new InputError("both faces are the same; give two people");
  if (Math.PI - angle < smallestAngle)
    throw new InputError("the embeddings are opposite; there is no way between them");
  return Array.from({ length: count }, (_, step) => {
    const t = step / (count - 1);
    const [a, b] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
    return from.map((value, i) => a * value + b * to[i]!);
  });
}
