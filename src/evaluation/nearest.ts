import type { Dataset } from "../data/dataset.js";
import { cosine } from "../face/identity.js";

/** The row of a dataset that is most similar to a face. */
export interface Nearest {
  readonly row: number;
  /** Cosine. */
  readonly similarity: number;
}

export interface FindNearestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * For each face the training image that shows the most similar one. Rows are read one after another: the dataset may be
 * of any size.
 * Source: Arc2Face §4.4, Fig. 10.
 * @param faces float32 [E] each, unit norm, of the dataset's recogniser
 */
export async function findNearest(
  faces: readonly Float32Array[],
  dataset: Pick<Dataset, "count" | "readEmbedding">,
  { signal, onProgress }: FindNearestOptions = {},
): Promise<Nearest[]> {
  const nearest = faces.map(() => ({ row: -1, similarity: Number.NEGATIVE_INFINITY }));
  for (let row = 0; row < dataset.count; row++) {
    signal?.throwIfAborted();
    const embedding = await dataset.readEmbedding(row);
    for (const [i, face] of faces.entries()) {
      const similarity = cosine(face, embedding);
      if (similarity > nearest[i]!.similarity) nearest[i] = { row, similarity };
    }
    onProgress?.(row + 1, dataset.count);
  }
  return nearest;
}
