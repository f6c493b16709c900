import { InputError } from "../errors.js";
import { cosine } from "../face/identity.js";

/** In radians. The cosine of float32 vectors is right to 1e-7: closer points may be one, and give no great circle. */
const smallestAngle = 2e-3;

/**
 * Spherical interpolation: someone between two identities, on the great circle.
 * Source: Shoemake 1985.
 * @param from  float32 [E], unit norm
 * @param to    float32 [E], unit norm
 * @param share of the way: 0 is `from`, 1 is `to`
 * @returns float32 [E], unit norm
 * @throws InputError if the two are the same, opposite, or of different lengths
 */
export function interpolateIdentity(from: Float32Array, to: Float32Array, share: number): Float32Array {
  if (from.length !== to.length) {
    throw new InputError(`embeddings of ${from.length} and ${to.length} numbers; give two of one recogniser`);
  }
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine(from, to))));
  if (angle < smallestAngle) throw new InputError("both faces are the same; give two people");
  if (Math.PI - angle < smallestAngle)
    throw new InputError("the embeddings are opposite; there is no way between them");
  const [a, b] = [Math.sin((1 - share) * angle) / Math.sin(angle), Math.sin(share * angle) / Math.sin(angle)];
  return from.map((value, i) => a * value + b * to[i]!);
}

/**
 * Equal steps on the way from one identity to another.
 * @param count points, both ends included; at least 2
 * @throws InputError as {@link interpolateIdentity}
 */
export function interpolateIdentities(from: Float32Array, to: Float32Array, count: number): Float32Array[] {
  return Array.from({ length: count }, (_, step) => interpolateIdentity(from, to, step / (count - 1)));
}
