import { randomInt } from "node:crypto";
import { checkGuidance, type Guidance } from "../diffusion/guidance.js";
import type { SamplerOptions, SamplerPlan } from "../diffusion/sampler.js";
import { planSampling, type SamplerName } from "../diffusion/samplers.js";
import { createNoiseSchedule } from "../diffusion/schedule.js";
import { InputError } from "../errors.js";
import { latentFactor } from "../models/autoencoder.js";
import type { ModelFolder } from "./model-folder.js";

/** A face embedding: as many numbers as the model's recogniser gives (512). Its length is brought to 1. */
export type FaceEmbedding = ArrayLike<number>;

export interface GenerateRequest {
  /** Whose face. Several give `count` images of each; image k of every identity has the same seed. */
  readonly faceEmbedding: FaceEmbedding | readonly FaceEmbedding[];
  /** Images of each identity; default 1. */
  readonly count?: number;
  /** Evaluations of the network for each image; default 25, or what the model says. */
  readonly steps?: number;
  /** 1 is off; default 3, or what the model says. Doubles the work when on. */
  readonly guidanceScale?: number;
  /** Restores the contrast that strong guidance takes, 0 (default) to 1. */
  readonly guidanceRescale?: number;
  /** Guide only at noise levels sigma in (low, high]; default everywhere. */
  readonly guidanceInterval?: readonly [number, number];
  /** Default `dpm++`, or what the model says. */
  readonly sampler?: SamplerName;
  /** Details of the sampler; its defaults are those that diffusers takes from the model's scheduler config. */
  readonly samplerOptions?: Omit<SamplerOptions, "steps">;
  /** Of the first image, 0 to 2^32 - 1; the k-th has seed + k. Default: random. Same seed, same noise as diffusers on CPU. */
  readonly seed?: number;
  /** Width and height in pixels, or [width, height]; default the size that the model was trained at. */
  readonly size?: number | readonly [number, number];
  /** Images in one pass of the network; default: as many as 2 GiB of activations allow, 16 at most. */
  readonly batchSize?: number;
}

/** A checked request, with every default filled in. */
export interface GenerationPlan {
  /** Unit-norm embeddings. */
  readonly embeddings: readonly Float32Array[];
  /** Seeds of the images of each identity. */
  readonly seeds: readonly number[];
  readonly sampler: SamplerName;
  readonly samplerOptions: Omit<SamplerOptions, "steps">;
  readonly sampling: SamplerPlan;
  readonly guidance: Guidance;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Most seeds that a request can number without leaving the range. */
const seedLimit = 2 ** 32;

/** @throws InputError saying which option is wrong and what it may be */
export function planGeneration(folder: ModelFolder, request: GenerateRequest): GenerationPlan {
  const { defaults, embeddingSize } = folder.manifest;
  const count = integer("count", request.count ?? 1, 1, 1_000_000);
  const seed = integer("seed", request.seed ?? randomInt(seedLimit - count), 0, seedLimit - count);
  const sampler = request.sampler ?? defaults.sampler;
  const samplerOptions = { ...folder.scheduler.sampler, ...request.samplerOptions };
  const steps = request.steps ?? defaults.steps;
  const guidance: Guidance = {
    scale: request.guidanceScale ?? defaults.guidanceScale,
    rescale: request.guidanceRescale,
    interval: request.guidanceInterval,
  };
  if (request.batchSize !== undefined) integer("batchSize", request.batchSize, 1, 1_000_000);
  checkGuidance(guidance);
  const [widthPx, heightPx] = imageSize(folder, request.size);
  return {
    embeddings: listEmbeddings(request.faceEmbedding).map((embedding) => unitEmbedding(embedding, embeddingSize)),
    seeds: Array.from({ length: count }, (_, i) => seed + i),
    sampler,
    samplerOptions,
    sampling: planSampling(sampler, createNoiseSchedule(folder.scheduler.noise), { ...samplerOptions, steps }),
    guidance,
    widthPx,
    heightPx,
  };
}

function listEmbeddings(given: GenerateRequest["faceEmbedding"]): readonly FaceEmbedding[] {
  const list = typeof given[0] === "number" ? [given as FaceEmbedding] : (given as readonly FaceEmbedding[]);
  if (list.length === 0) throw new InputError("faceEmbedding is empty; give the embedding of at least one face");
  return list;
}

/**
 * Scales an embedding to length 1, as the networks expect it. Source: Arc2Face, official implementation.
 * @throws InputError if it has another length, a number that is not finite, or no direction
 */
export function unitEmbedding(embedding: FaceEmbedding, size: number): Float32Array {
  if (embedding.length !== size) {
    throw new InputError(`the face embedding has ${embedding.length} numbers; this model takes ${size}`);
  }
  const values = Float64Array.from(embedding);
  const norm = Math.hypot(...values);
  if (!Number.isFinite(norm))
    throw new InputError("the face embedding holds NaN or infinite numbers; embed the photo again");
  if (norm < 1e-6) throw new InputError("the face embedding is all zeros, which is nobody; embed the photo again");
  return Float32Array.from(values, (value) => value / norm);
}

/** Width and height, in pixels, of the images that a model was trained with. */
export function trainedSize({ unet, autoencoder }: ModelFolder): [widthPx: number, heightPx: number] {
  const factor = latentFactor(autoencoder);
  const latents = unet.config.sample_size ?? 64;
  const [rows, columns] = typeof latents === "number" ? [latents, latents] : latents;
  return [columns * factor, rows * factor];
}

/** @throws InputError if the size is not one that the model can make */
export function imageSize(folder: ModelFolder, given: GenerateRequest["size"]): [number, number] {
  const factor = latentFactor(folder.autoencoder);
  const size = given ?? trainedSize(folder);
  const [width, height] = typeof size === "number" ? [size, size] : size;
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side < factor || side > 4096 || side % factor !== 0) {
      throw new InputError(
        `size ${width}x${height}: each side must be a multiple of ${factor} from ${factor} to 4096 pixels`,
      );
    }
  }
  const map = folder.unet.config.identity_map;
  if (map && (width !== map.width * factor || height !== map.height * factor)) {
    throw new InputError(
      `size ${width}x${height}: this model makes images of ${map.width * factor}x${map.height * factor} only`,
    );
  }
  return [width, height];
}

function integer(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new InputError(`${name} is ${value}; give a whole number from ${min} to ${max}`);
}
