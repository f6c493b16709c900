import type { RecogniserId } from "../../face/recogniser.js";

/**
 * Draws identities that nobody has.
 * @param seed the same seed gives the same identities; undefined draws one
 */
export type IdentitySampler = (
  count: number,
  seed: number | undefined,
) => Promise<{
  readonly seed: number;
  /** float32 [E] each, unit norm */
  readonly embeddings: readonly Float32Array[];
  readonly recogniser: RecogniserId | undefined;
}>;
