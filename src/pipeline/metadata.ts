import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { samplerOptionsSchema } from "../diffusion/sampler.js";
import { samplerNames } from "../diffusion/samplers.js";
import { InputError } from "../errors.js";
import { hashFile } from "../hub/hash.js";
import { readJson } from "../hub/record.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import type { LoraOptions } from "./loras.js";
import type { ModelFolder } from "./model-folder.js";
import type { GenerationPlan } from "./request.js";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const modelHashesSchema = z.strictObject({
  /** Of the weight files. */
  unet: sha256,
  encoder: sha256,
  autoencoder: sha256,
  loras: z.array(z.strictObject({ sha256, scale: z.number() })),
});
export type ModelHashes = z.output<typeof modelHashesSchema>;

/** What is needed to make an image again; it travels in the PNG. The embedding itself, being biometric, does not. */
const generationRecordSchema = z.strictObject({
  version: z.literal(1),
  model: modelHashesSchema,
  /** SHA-256 of the unit-norm embedding as little-endian float32. */
  embedding: sha256,
  seed: z.int().nonnegative(),
  sampler: z.enum(samplerNames),
  steps: z.int().positive(),
  samplerOptions: samplerOptionsSchema.omit({ steps: true }).partial(),
  guidanceScale: z.number().nonnegative(),
  guidanceRescale: z.number().optional(),
  guidanceInterval: z.tuple([z.number(), z.number()]).optional(),
  widthPx: z.int().positive(),
  heightPx: z.int().positive(),
});
export type GenerationRecord = z.output<typeof generationRecordSchema>;

/** The record of one image of a plan. */
export function describeGeneration(
  plan: GenerationPlan,
  embedding: Float32Array,
  seed: number,
  model: ModelHashes,
): GenerationRecord {
  const { scale, rescale, interval } = plan.guidance;
  return {
    version: 1,
    model,
    embedding: createHash("sha256").update(new Uint8Array(embedding.buffer)).digest("hex"),
    seed,
    sampler: plan.sampler,
    steps: plan.sampling.steps.length,
    samplerOptions: samplerOptionsSchema.omit({ steps: true }).partial().parse(plan.samplerOptions),
    guidanceScale: scale,
    ...(rescale === undefined ? {} : { guidanceRescale: rescale }),
    ...(interval === undefined ? {} : { guidanceInterval: [interval[0], interval[1]] }),
    widthPx: plan.widthPx,
    heightPx: plan.heightPx,
  };
}

/** Checks a record read from a file. @throws InputError if it is not one of ours, or from a later version */
export function parseGenerationRecord(value: unknown): GenerationRecord {
  const result = generationRecordSchema.safeParse(value);
  if (result.success) return result.data;
  throw new InputError(`the image's generation record is not readable: ${z.prettifyError(result.error)}`);
}

/** Hashes of all weight files of a model; remembered in the cache while a file's size and time stay the same. */
export async function hashModel(
  folder: ModelFolder,
  loras: readonly LoraOptions[],
  signal?: AbortSignal,
): Promise<ModelHashes> {
  return {
    unet: await hashOnce(folder.unet.weights.path, signal),
    encoder: await hashOnce(folder.encoder.weights.path, signal),
    autoencoder: await hashOnce(folder.autoencoder.weights.path, signal),
    loras: await Promise.all(
      loras.map(async ({ path, scale = 1 }) => ({ sha256: await hashOnce(path, signal), scale })),
    ),
  };
}

async function hashOnce(path: string, signal?: AbortSignal): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  const key = createHash("sha256")
    .update(JSON.stringify([path, size, mtimeMs]))
    .digest("hex");
  const remembered = join(cacheFolder(), "hashes", `${key}.json`);
  const known = z.object({ sha256 }).safeParse(await readJson(remembered));
  if (known.success) return known.data.sha256;
  const hash = await hashFile(path, "sha256", signal);
  // A cache that cannot be written costs time, nothing else.
  await writeFileAtomic(remembered, JSON.stringify({ path, sha256: hash })).catch(() => undefined);
  return hash;
}
