import type { Value } from "../graph/value.js";

/** Predictions and the photos that they should be; all float [N, C, H, W], clean, but the embeddings. */
export interface JudgedBatch {
  readonly predicted: Value;
  readonly photo: Value;
  /** Whom they show, float [N, E]. */
  readonly faceEmbedding: Value;
}

/** What a network makes of nothing but noise and a person. */
export interface MadeImages {
  /** Clean latents, float [M, C, H, W]; a gradient goes through the last evaluation. */
  readonly clean: Value;
  /** Whom they should show, float [M, E]. */
  readonly faceEmbedding: Value;
}
