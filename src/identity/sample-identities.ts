import { InputError } from "../errors.js";
import { cosine } from "../face/identity.js";
import { TorchGenerator } from "../tensor/random.js";
import { drawEmbedding, type NewIdentities } from "./distribution.js";

/**
 * Embeddings of people who do not exist: draws that were found to be nobody who was trained on, and that are no more
 * similar to each other.
 * @param seed decides which
 * @returns float32 [E] each, unit norm
 * @throws InputError if there are not so many
 */
export function sampleIdentities(identities: NewIdentities, count: number, seed: number): Float32Array[] {
  const { seeds, maxSimilarity } = identities;
  const chosen: Float32Array[] = [];
  for (const index of shuffle(seeds.length, seed)) {
    if (chosen.length === count) break;
    const embedding = drawEmbedding(identities, seeds[index]!);
    if (chosen.every((other) => cosine(other, embedding) < maxSimilarity)) chosen.push(embedding);
  }
  if (chosen.length === count) return chosen;
  throw new InputError(
    `there are ${chosen.length} people with a similarity below ${maxSimilarity} to each other; ask for no more, ` +
      "or make a larger file with arc2face dataset identities",
  );
}

/** The numbers below `count` in an order that the seed decides. */
function shuffle(count: number, seed: number): number[] {
  const keys = new TorchGenerator(seed).rand([count]).data;
  return Array.from({ length: count }, (_, i) => i).sort((a, b) => keys[a]! - keys[b]! || a - b);
}
