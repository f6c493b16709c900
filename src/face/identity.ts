import { InputError } from "../errors.js";
import { calibrationOf, type Embedding, type RecogniserId } from "./recogniser.js";

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

/** An embedding as it comes from a file: of any length, and maybe not saying which recogniser made it. */
export interface GivenEmbedding {
  readonly embedding: ArrayLike<number>;
  readonly recogniser?: RecogniserId | undefined;
}

/** How alike two faces are. */
export interface Comparison {
  /** -1 to 1. */
  readonly cosine: number;
  /** From which two photos show one person; null if nobody measured it. */
  readonly threshold: number | null;
  /** Null without a threshold. */
  readonly same: boolean | null;
}

/**
 * Tells how alike two faces are, and whether they are one person's by the threshold of the recogniser that made both
 * (where one does not say, of the other's).
 * @param threshold in place of the recogniser's
 * @throws InputError if the embeddings differ in length, or one is zero or not finite
 */
export function compareFaces(
  a: GivenEmbedding,
  b: GivenEmbedding,
  { threshold }: { threshold?: number | undefined } = {},
): Comparison {
  if (a.embedding.length !== b.embedding.length) {
    throw new InputError(
      `Face embeddings of ${a.embedding.length} and ${b.embedding.length} numbers cannot be compared; embed both photos with one recogniser.`,
    );
  }
  const similarity = cosine(unitVector(a.embedding), unitVector(b.embedding));
  const [maker, other] = [a.recogniser ?? b.recogniser, b.recogniser ?? a.recogniser];
  const measured = maker && maker.sha256 === other?.sha256 ? calibrationOf(maker)?.threshold : undefined;
  const limit = threshold ?? measured ?? null;
  return { cosine: similarity, threshold: limit, same: limit === null ? null : similarity >= limit };
}

/** @throws InputError if the vector is zero or not finite */
function unitVector(vector: ArrayLike<number>): Float32Array {
  const values = Float64Array.from(vector);
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  if (norm > 0 && Number.isFinite(norm)) return Float32Array.from(values, (value) => value / norm);
  throw new InputError("A face embedding is all zeros, or holds NaN or infinite numbers; embed the photo again.");
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
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
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
