import { join } from "node:path";
import { CheckpointError, InputError } from "../errors.js";
import type { RecogniserId } from "../face/recogniser.js";
import { cast } from "../tensor/convert.js";
import { TorchGenerator } from "../tensor/random.js";
import { openSafetensors, readTensor, writeSafetensors } from "../tensor/safetensors.js";
import { f32, tensor } from "../tensor/tensor.js";
import { cholesky, multiplyLower } from "./cholesky.js";

/** How face embeddings are distributed: a Gaussian, of which the direction counts. */
export interface IdentityDistribution {
  readonly recogniser: RecogniserId;
  /** float32 [E] */
  readonly mean: Float32Array;
  /** Lower triangle L with L L^T the covariance, row by row: numbers that float16 holds, [E (E + 1) / 2]. */
  readonly factor: Float32Array;
}

/** A distribution with draws of it that are nobody who was trained on. */
export interface NewIdentities extends IdentityDistribution {
  /** Draws whose similarity to every training identity is below `maxSimilarity`. */
  readonly seeds: readonly number[];
  readonly maxSimilarity: number;
  /** How many draws were looked at to find these, in the order of the seeds from 0. */
  readonly draws: number;
  /** Training identities that each draw was compared with. */
  readonly comparedWith: number;
}

/** Name of the file in a model's folder. */
export const identitiesFile = "identities.safetensors";

/** Share of the mean variance that is added to each: embeddings fill one dimension less than they have. */
const ridge = 1e-6;

/**
 * Mean and covariance of face embeddings.
 * @param embeddings of one recogniser, unit norm; more than they have numbers
 * @throws InputError if they are too few
 */
export function fitDistribution(embeddings: readonly Float32Array[], recogniser: RecogniserId): IdentityDistribution {
  const size = embeddings[0]?.length ?? 0;
  if (embeddings.length <= size || size === 0) {
    throw new InputError(`${embeddings.length} faces do not show how ${size} numbers vary together; give more`);
  }
  const mean = new Float64Array(size);
  for (const row of embeddings) for (let i = 0; i < size; i++) mean[i]! += row[i]! / embeddings.length;
  const covariance = new Float64Array((size * (size + 1)) / 2);
  const centred = new Float64Array(size);
  for (const row of embeddings) {
    for (let i = 0; i < size; i++) centred[i] = row[i]! - mean[i]!;
    for (let i = 0, at = 0; i < size; i++) for (let j = 0; j <= i; j++) covariance[at++]! += centred[i]! * centred[j]!;
  }
  const diagonal = (i: number) => ((i + 1) * (i + 2)) / 2 - 1;
  let trace = 0;
  for (let i = 0; i < covariance.length; i++) covariance[i]! /= embeddings.length - 1;
  for (let i = 0; i < size; i++) trace += covariance[diagonal(i)]!;
  for (let i = 0; i < size; i++) covariance[diagonal(i)]! += (ridge * trace) / size;
  const factor = Float32Array.from(cholesky(covariance, size));
  const half = cast(f32([factor.length], factor), "f16");
  return { recogniser, mean: Float32Array.from(mean), factor: cast(half, "f32").data };
}

/**
 * A face embedding at random.
 * @param seed the same gives the same
 * @returns float32 [E], unit norm
 */
export function drawEmbedding({ mean, factor }: IdentityDistribution, seed: number): Float32Array {
  const noise = new TorchGenerator(seed).randn([mean.length]).data;
  const values = multiplyLower(factor, noise).map((value, i) => value + mean[i]!);
  const norm = Math.hypot(...values);
  return Float32Array.from(values, (value) => value / norm);
}

/** Writes what a model's folder says of new identities: mean, covariance and seeds, and no embedding of anybody. */
export async function writeIdentities(path: string, identities: NewIdentities): Promise<void> {
  const { recogniser, mean, factor, seeds, maxSimilarity, draws, comparedWith } = identities;
  const metadata = {
    recogniser: recogniser.name,
    recogniserSha256: recogniser.sha256,
    maxSimilarity: String(maxSimilarity),
    draws: String(draws),
    comparedWith: String(comparedWith),
  };
  await writeSafetensors(
    path,
    [
      ["mean", f32([mean.length], mean)],
      ["factor", cast(f32([factor.length], factor), "f16")],
      ["seeds", tensor("i32", [seeds.length], Int32Array.from(seeds))],
    ],
    { metadata },
  );
}

/**
 * Reads what a model's folder says of new identities.
 * @throws InputError if it says nothing; CheckpointError if the file is damaged
 */
export async function readIdentities(folder: string): Promise<NewIdentities> {
  const path = join(folder, identitiesFile);
  const file = await openSafetensors(path).catch((cause) => {
    throw new InputError(
      `${folder} says nothing of new identities; make ${identitiesFile} there with arc2face dataset identities`,
      { cause },
    );
  });
  const [mean, factor, seeds] = await Promise.all(["mean", "factor", "seeds"].map((name) => readTensor(file, name)));
  const { recogniser, recogniserSha256, maxSimilarity, draws, comparedWith } = file.metadata;
  const identities = {
    recogniser: { name: String(recogniser), sha256: String(recogniserSha256) },
    mean: cast(mean!, "f32").data,
    factor: cast(factor!, "f32").data,
    seeds: [...cast(seeds!, "i32").data],
    maxSimilarity: Number(maxSimilarity),
    draws: Number(draws),
    comparedWith: Number(comparedWith),
  };
  const size = identities.mean.length;
  if (identities.factor.length !== (size * (size + 1)) / 2 || !(identities.maxSimilarity > 0)) {
    throw new CheckpointError(`${path} is damaged: its tensors do not fit each other`);
  }
  return identities;
}
