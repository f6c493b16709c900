import type { FaceRows } from "../data/dataset.js";
import type { TorchGenerator } from "../tensor/random.js";
import { f32, type Tensor, tensor } from "../tensor/tensor.js";
import type { Prompt } from "./diffusion-networks.js";
import type { ExportDType } from "./export.js";
import type { Example } from "./task.js";
import type { LoraOptions } from "./weights.js";

/** Clean latents of some examples, end to end. */
export async function readCleanLatents(dataset: FaceRows, examples: readonly Example[]): Promise<Float32Array> {
  return concatRows(await Promise.all(examples.map(({ row, mirrored }) => dataset.readLatents(row, mirrored))));
}

export interface ConditionOptions {
  readonly prompt: Prompt;
  /** Tokens for each dataset, in place of the prompt's. */
  readonly prompts?: readonly (readonly number[])[] | undefined;
  /** Standard deviation of the noise on embeddings, as a share of their length. */
  readonly embeddingNoise: number;
  /** Examples that are shown without their identity. */
  readonly isDropped?: readonly boolean[];
}

/** What the methods that train on faces with embeddings have in common. */
export interface ConditionedTaskOptions extends Pick<ConditionOptions, "prompts" | "embeddingNoise"> {
  readonly batchSize: number;
  readonly samples: { readonly count: number; readonly steps: number; readonly guidanceScale: number };
  readonly seed: number;
  readonly exportDType: ExportDType;
  /** Only low-rank updates are trained. */
  readonly lora?: LoraOptions | undefined;
}

/** What some examples are conditioned on: `tokens` i64 [N, L], and `faceEmbedding` float [N, E] of unit norm. */
export async function readConditions(
  dataset: FaceRows,
  examples: readonly Example[],
  { prompt, prompts, embeddingNoise, isDropped = [] }: ConditionOptions,
  rng: TorchGenerator,
): Promise<{ readonly tokens: Tensor<"i64">; readonly faceEmbedding: Tensor<"f32"> }> {
  const count = examples.length;
  const size = dataset.index.embeddings.size;
  const faces = await Promise.all(examples.map(({ row }) => dataset.readEmbedding(row)));
  const jitter = embeddingNoise > 0 ? rng.randn([count, size]).data : undefined;
  const embeddings = faces.map((face, i) => {
    if (isDropped[i]) return new Float32Array(size);
    return jitter ? moved(face, jitter.subarray(i * size, (i + 1) * size), embeddingNoise) : face;
  });
  const tokens = examples.map(({ row }, i) =>
    isDropped[i] ? prompt.unconditional : (prompts?.[dataset.groupOf(row)] ?? prompt.tokens),
  );
  return {
    tokens: tensor("i64", [count, prompt.tokens.length], BigInt64Array.from(tokens.flat(), BigInt)),
    faceEmbedding: f32([count, size], concatRows(embeddings)),
  };
}

/** An embedding moved by noise of about `share` of its length, and brought back to length 1. */
function moved(embedding: Float32Array, noise: Float32Array, share: number): Float32Array {
  const sum = embedding.map((value, i) => value + (share * (noise[i] as number)) / Math.sqrt(noise.length));
  const norm = Math.hypot(...sum);
  return sum.map((value) => value / norm);
}

function concatRows(rows: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const row of rows) {
    joined.set(row, offset);
    offset += row.length;
  }
  return joined;
}
