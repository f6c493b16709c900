import { InputError } from "../errors.js";
import type { Embedding, RecogniserId } from "./recogniser.js";

/** One identity from several photos. */
export interface MeanIdentity {
  /** Unit length. */
  readonly embedding: Float32Array;
  readonly recogniser: RecogniserId;
  /** Cosine of each photo to the mean of the others that were kept, in the order given. */
  readonly agreement: readonly number[];
  /** Indices of photos that were left out, since they seem to show someone else. */
  readonly outliers: readonly number[];
}

/**
 * The identity that most of the photos agree on.
 *
 * The start is the photo that is nearest to all others (the medoid, by the median of its cosines, so that half of the
 * photos may be wrong). Photos whose cosine to the mean is below the threshold are left out and the mean is taken again,
 * until nothing changes.
 * @param embeddings of one recogniser
 * @param threshold cosine from which two photos show one person
 * @throws InputError if there is none, or they come from different recognisers
 */
export function meanIdentity(embeddings: readonly Embedding[], threshold: number): MeanIdentity {
  const first = embeddings[0];
  if (!first) throw new InputError("A mean of no face embeddings: give at least one.");
  for (const other of embeddings) assertSameRecogniser(other, first.recogniser);
  const vectors = embeddings.map(({ embedding }) => embedding);
  const start = vectors[medoid(vectors)]!;
  let kept = indicesAbove(vectors, start, threshold);
  // Each round moves the mean towards the majority; it settles in two or three.
  for (let round = 0; round < 10; round++) {
    const mean = unitMean(kept.map((i) => vectors[i]!));
    const next = indicesAbove(vectors, mean, threshold);
    if (next.length === 0 || next.join() === kept.join()) break;
    kept = next;
  }
  const othersOf = (i: number) => kept.filter((k) => k !== i).map((k) => vectors[k]!);
  return {
    embedding: unitMean(kept.map((i) => vectors[i]!)),
    recogniser: first.recogniser,
    agreement: vectors.map((vector, i) => (othersOf(i).length === 0 ? 1 : cosine(vector, unitMean(othersOf(i))))),
    outliers: [...vectors.keys()].filter((i) => !kept.includes(i)),
  };
}

/**
 * Refuses an embedding of another recogniser: networks would take it without complaint, and show someone else.
 * @param embedding with the recogniser that made it; one that does not say is accepted
 * @param expected what the other side (a generator, another embedding) was made with; undefined accepts all
 * @throws InputError naming both
 */
export function assertSameRecogniser(
  { recogniser }: { readonly recogniser?: RecogniserId },
  expected: RecogniserId | undefined,
): void {
  if (recogniser === undefined || expected === undefined || recogniser.sha256 === expected.sha256) return;
  throw new InputError(
    `The face embedding was made by ${describe(recogniser)}, and ${describe(expected)} is needed: ` +
      "different recognisers place the same face differently. Embed the photo with that one.",
  );
}

/** Cosine of two embeddings of unit length, which is their dot product. */
export function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function describe({ name, sha256 }: RecogniserId): string {
  return `${name} (${sha256.slice(0, 12)}…)`;
}

function medoid(vectors: readonly Float32Array[]): number {
  const closeness = vectors.map((a, i) => median(vectors.filter((_, j) => j !== i).map((b) => cosine(a, b))));
  return closeness.indexOf(Math.max(...closeness));
}

/** Of no numbers: 1, as a single photo agrees with itself. */
function median(values: readonly number[]): number {
  if (values.length === 0) return 1;
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function indicesAbove(vectors: readonly Float32Array[], mean: Float32Array, threshold: number): number[] {
  return [...vectors.keys()].filter((i) => cosine(vectors[i]!, mean) >= threshold);
}

function unitMean(vectors: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(vectors[0]!.length);
  for (const vector of vectors) for (const [i, value] of vector.entries()) sum[i]! += value;
  const norm = Math.hypot(...sum);
  return Float32Array.from(sum, (value) => value / norm);
}
