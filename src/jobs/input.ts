import { randomInt } from "node:crypto";
import { z } from "zod";
import { samplerOptionsSchema } from "../diffusion/sampler.js";
import { samplerNames } from "../diffusion/samplers.js";
import { InputError } from "../errors.js";
import { storeKeySchema } from "./store.js";

/** Seeds are below this. */
const seedLimit = 2 ** 32;

/** Most images that one job may make: its list of files stays small. Larger work is several jobs. */
export const maxImagesOfJob = 10_000;

/** Limits of one job; a server may lower them before it submits. */
const embeddingSchema = z.array(z.number()).min(1).max(4096);

const samplingFields = {
  /** A name that the models of the queue's workers are known by; see `ModelProvider`. */
  model: z.string().min(1).max(200),
  /** Whose faces; not necessarily of length 1. */
  faceEmbeddings: z.array(embeddingSchema).min(1).max(maxImagesOfJob),
  /** Images of each identity. */
  count: z.int().min(1).max(maxImagesOfJob).default(1),
  /** Of the first image; the k-th of every identity has seed + k. Drawn when the job is submitted, if left out. */
  seed: z
    .int()
    .min(0)
    .max(seedLimit - 1)
    .optional(),
  steps: z.int().min(1).max(1000).optional(),
  guidanceScale: z.number().min(0).max(100).optional(),
  guidanceRescale: z.number().min(0).max(1).optional(),
  guidanceInterval: z.tuple([z.number(), z.number()]).optional(),
  sampler: z.enum(samplerNames).optional(),
  samplerOptions: samplerOptionsSchema.omit({ steps: true }).partial().optional(),
  /** Width and height in pixels. */
  size: z.tuple([z.int().min(8).max(4096), z.int().min(8).max(4096)]).optional(),
};

/** Images of faces, each a PNG named `IDENTITY-SEED.png`. */
export const generateInputSchema = z.strictObject({
  ...samplingFields,
  /** Least time between previews, in ms; 0: none. */
  previewEveryMs: z.int().min(0).max(60_000).default(0),
});

/** Images of faces, packed as one WebDataset archive `shard-NNNNNN.tar`. */
export const datasetShardInputSchema = z.strictObject({
  ...samplingFields,
  /** Number of the shard in its dataset. */
  shard: z.int().min(0).max(999_999),
  /** Number of the first identity in its dataset, so that those of different shards differ. */
  firstIdentity: z.int().min(0).default(0),
});

/** Face embeddings of photos, as `embeddings.json`. */
export const embedInputSchema = z.strictObject({
  /** Photos in the result store. */
  photos: z.array(storeKeySchema).min(1).max(maxImagesOfJob),
  recogniser: z.string().min(1).max(200).optional(),
});

/** How well a recogniser tells whether two photos show one person, as `verification.json`. */
export const evaluateInputSchema = z.strictObject({
  /** Photos in the result store, and whether each two show one person. */
  pairs: z
    .array(z.strictObject({ first: storeKeySchema, second: storeKeySchema, same: z.boolean() }))
    .min(2)
    .max(maxImagesOfJob),
  folds: z.int().min(2).max(100).optional(),
  recogniser: z.string().min(1).max(200).optional(),
});

const jobInputSchemas = {
  generate: generateInputSchema,
  embed: embedInputSchema,
  evaluate: evaluateInputSchema,
  "dataset-shard": datasetShardInputSchema,
} as const;

export const jobKinds = ["generate", "embed", "evaluate", "dataset-shard"] as const;
export type JobKind = keyof typeof jobInputSchemas;

/** What a job of each kind is asked to do, checked and with its defaults. */
export type JobInputs = { [Kind in JobKind]: z.output<(typeof jobInputSchemas)[Kind]> };

/** A kind with an input of that kind. */
export type Task = { [Kind in JobKind]: { readonly kind: Kind; readonly input: JobInputs[Kind] } }[JobKind];

/**
 * Checks what a job is asked to do, fills in defaults, and draws the seed, so that each run of it makes the same images.
 * @param fixedSeed the seed where the input has none; default random
 * @throws InputError saying which field is wrong and what it may be
 */
export function parseTask(kind: string, input: unknown, fixedSeed?: number): Task {
  const known = z.enum(jobKinds).safeParse(kind);
  if (!known.success) throw new InputError(`there is no job kind "${kind}"; give one of ${jobKinds.join(", ")}`);
  const parsed = jobInputSchemas[known.data].safeParse(input);
  if (!parsed.success) throw new InputError(`${kind} job: ${z.prettifyError(parsed.error)}`);
  const task = { kind: known.data, input: parsed.data } as Task;
  return "faceEmbeddings" in task.input ? withSeed(task, fixedSeed) : task;
}

function withSeed(task: Task, fixedSeed: number | undefined): Task {
  const input = task.input as JobInputs["generate"];
  const images = input.count * input.faceEmbeddings.length;
  if (images > maxImagesOfJob) {
    throw new InputError(
      `${task.kind} job: ${images} images are more than the ${maxImagesOfJob} of one job; give less`,
    );
  }
  const seed = input.seed ?? fixedSeed ?? randomInt(seedLimit - input.count);
  if (seed > seedLimit - input.count) {
    throw new InputError(`${task.kind} job: seed ${seed} leaves no room for ${input.count} images below 2^32`);
  }
  return { ...task, input: { ...input, seed } } as Task;
}
