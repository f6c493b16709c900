import { InputError } from "../../errors.js";
import { cosine } from "../../face/identity.js";

/**
 * Someone between two people: the point at `share` of the way along the great circle.
 * Source: Shoemake 1985 (slerp). Embeddings of a recogniser lie on a sphere, so a straight line would leave it.
 * @param from float32 [E], unit norm
 * @param to   float32 [E], unit norm
 * @param share 0 is `from`, 1 is `to`
 * @returns float32 [E], unit norm
 * @throws InputError if they are of different lengths, or opposite, where every way is as short
 */
export function blendEmbeddings(from: Float32Array, to: Float32Array, share: number): Float32Array {
  if (from.length !== to.length) {
    throw new InputError(
      `the two identities have embeddings of ${from.length} and ${to.length} numbers; take two of one kind`,
    );
  }
  const angle = Math.acos(Math.max(-1, Math.min(1, cosine(from, to))));
  if (angle < 1e-6) return from;
  if (Math.PI - angle < 1e-3) throw new InputError("the two identities are opposite; nobody is between them");
  const [a, b] = [Math.sin((1 - share) * angle) / Math.sin(angle), Math.sin(share * angle) / Math.sin(angle)];
  return from.map((value, i) => a * value + b * to[i]!);
}
