import { InputError } from "../errors.js";
import { exportOnnx } from "../graph/export.js";
import { matmul } from "../graph/operators/index.js";
import { constant, input } from "../graph/value.js";
import { Session } from "../runtime/session.js";
import { f32 } from "../tensor/tensor.js";
import { drawEmbedding, type IdentityDistribution, type NewIdentities } from "./distribution.js";

export interface FindNewOptions {
  /** Draws to find. */
  readonly count: number;
  /** Cosine that a draw's similarity to every training identity is below. */
  readonly maxSimilarity: number;
  /** What else is asked of a draw: called for those that pass, in the order of their seeds. */
  readonly accepts?: ((embedding: Float32Array) => Promise<boolean>) | undefined;
  readonly onProgress?: (found: number, draws: number) => void;
  readonly signal?: AbortSignal;
}

/** Draws compared at once. */
const batchSize = 256;
/** Without a single find after so many, there will not be enough. */
const patience = 100_000;

/**
 * Finds draws of a distribution that are nobody who was trained on. Real people have a similarity of about 0.4 to the nearest of
 * some thousands of others, so few draws pass; only their seeds need be kept.
 * @param training embeddings of the training identities, float32 [E] each, unit norm
 * @throws InputError if hardly any draw passes
 */
export async function findNewIdentities(
  distribution: IdentityDistribution,
  training: readonly Float32Array[],
  { count, maxSimilarity, accepts = async () => true, onProgress, signal }: FindNewOptions,
): Promise<NewIdentities> {
  const session = await loadComparison(training, distribution.mean.length, signal);
  const seeds: number[] = [];
  let draws = 0;
  try {
    while (seeds.length < count) {
      const batch = Array.from({ length: batchSize }, (_, i) => drawEmbedding(distribution, draws + i));
      const values = new Float32Array(batchSize * distribution.mean.length);
      batch.forEach((embedding, i) => {
        values.set(embedding, i * embedding.length);
      });
      const feeds = { draws: f32([batchSize, distribution.mean.length], values) };
      const { similarity } = await session.run(feeds, { signal });
      const cosines = similarity?.data as Float32Array;
      for (let i = 0; i < batchSize && seeds.length < count; i++) {
        const isNew = isBelow(cosines, i * training.length, training.length, maxSimilarity);
        if (isNew && (await accepts(batch[i]!))) seeds.push(draws + i);
      }
      draws = seeds.length < count ? draws + batchSize : seeds.at(-1)! + 1;
      onProgress?.(seeds.length, draws);
      if (draws > patience * (seeds.length + 1)) {
        throw new InputError(
          `only ${seeds.length} of ${draws} draws pass at a similarity below ${maxSimilarity}; allow more of it, or people less well shown`,
        );
      }
    }
  } finally {
    await session.release();
  }
  return { ...distribution, seeds, maxSimilarity, draws, comparedWith: training.length };
}

/** Cosines of draws [N, E] to all training identities, [N, T]. */
async function loadComparison(training: readonly Float32Array[], size: number, signal?: AbortSignal): Promise<Session> {
  const columns = new Float32Array(size * training.length);
  for (const [t, embedding] of training.entries()) {
    for (let i = 0; i < size; i++) columns[i * training.length + t] = embedding[i]!;
  }
  const draws = input("draws", "f32", ["batch", size]);
  const similarity = matmul(draws, constant(f32([size, training.length], columns)));
  return Session.load(exportOnnx({ inputs: [draws], outputs: { similarity } }), { compileCache: false, signal });
}

function isBelow(values: Float32Array, start: number, length: number, limit: number): boolean {
  for (let i = start; i < start + length; i++) if (values[i]! >= limit) return false;
  return true;
}
