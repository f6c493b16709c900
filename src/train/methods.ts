import { readFile } from "node:fs/promises";
import type { FaceRows } from "../data/dataset.js";
import { openRows } from "../data/joined-rows.js";
import type { NoiseScheduleConfig } from "../diffusion/schedule.js";
import { InputError } from "../errors.js";
import { isTfjsManifest, loadTfjsNetwork } from "../face/tfjs-network.js";
import type { GraphInterface } from "../graph/export.js";
import { importOnnx } from "../graph/import.js";
import type { Dims } from "../graph/value.js";
import { hashFile } from "../hub/hash.js";
import { resolveFile } from "../hub/resolve.js";
import { type Autoencoder, latentFactor } from "../models/autoencoder.js";
import type { ProjectionConfig } from "../models/projection.js";
import { AutoencoderTask } from "./autoencoder-task.js";
import type { Arc2FaceConfig, AutoencoderConfig, BaseConfig, DistillConfig, RunConfig } from "./config.js";
import { ConsistencyTask } from "./consistency-task.js";
import type {
  DiffusionNetworks,
  FinishedModel,
  FrozenAutoencoder,
  NetworkStart,
  StartingModel,
} from "./diffusion-networks.js";
import { DiffusionTask } from "./diffusion-task.js";
import { type RunOptions, type RunResult, runTraining } from "./loop.js";
import { randomFor } from "./random.js";
import { RunFolder } from "./run-folder.js";
import type { TrainingTask } from "./task.js";
import { TrainableWeights } from "./weights.js";

/** What every method is told besides its recipe. */
export interface TrainOptions extends RunOptions {
  /** Folders of the datasets, which are read as one. */
  readonly data: readonly string[];
  /** Folder of the run. */
  readonly out: string;
  readonly resume: boolean;
  /** Version of the program, for the record. */
  readonly version: string;
}

/**
 * Trains the perceptual autoencoder of the base models. Source: Arc2Face §3.2; Rombach 2022 §3.1.
 * @param start what to train on; absent: from random weights
 * @param near  whose latents to resemble, with the weight of `loss.near`
 * @throws InputError unless the recipe describes an autoencoder, or one is given to start from; if `near` and `loss.near` do
 *                    not come together, or its latents have another shape
 */
export async function trainAutoencoder(
  config: AutoencoderConfig,
  { start, near }: { start?: FrozenAutoencoder | undefined; near?: FrozenAutoencoder | undefined },
  options: TrainOptions,
): Promise<RunResult> {
  const autoencoder = start ?? config.autoencoder;
  if (!autoencoder) throw new InputError("the recipe describes no autoencoder; add it, or give one to start from");
  const { near: weight } = config.loss;
  if ((near === undefined) !== (weight === undefined))
    throw new InputError("latents near another autoencoder's take both loss.near in the recipe and --near");
  if (near) requireSameLatents(autoencoder, near);
  return withDataset(config, options, async (dataset) => {
    const { perceptual, kl, latentNoise } = config.loss;
    const size = perceptual?.sizePx ?? dataset.index.sizePx;
    const network = perceptual && (await importNetwork(perceptual.network, () => [config.batchSize, 3, size, size]));
    const task = new AutoencoderTask(dataset, autoencoder, makeWeights(config), {
      batchSize: config.batchSize,
      klWeight: kl,
      latentNoise,
      perceptual: perceptual && network && { ...perceptual, network: network.graph },
      near: near && weight !== undefined ? { autoencoder: near, weight } : undefined,
      samples: config.samples,
      exportDType: config.exportDType,
    });
    const hashes: Record<string, string> = {
      ...(network && { perceptual: network.sha256 }),
      ...(start && { start: await hashFile(start.weights.path, "sha256") }),
      ...(near && { near: await hashFile(near.weights.path, "sha256") }),
    };
    return { task, method: "autoencoder", hashes };
  });
}

function requireSameLatents(a: Autoencoder, b: Autoencoder): void {
  const [shape, other] = [a, b].map(
    (one) => `${one.config.latent_channels} channels at 1/${latentFactor(one)} of the size`,
  );
  if (shape !== other) throw new InputError(`latents of ${shape} cannot resemble latents of ${other}`);
}

/**
 * Trains an ID-conditioned latent diffusion model from scratch. Source: Arc2Face §3.2.
 * @param projection the face encoder, or the MLP of §4.4
 * @throws InputError if the recipe has no such projection
 */
export async function trainBase(
  config: BaseConfig,
  projection: "encoder" | "mlp",
  autoencoder: FrozenAutoencoder,
  options: TrainOptions,
): Promise<RunResult> {
  const chosen = config.projection[projection];
  if (!chosen) throw new InputError("the recipe describes no projection.mlp; add it, or train with the encoder");
  const networks = {
    unet: { config: config.unet },
    projection: { config: chosen },
    autoencoder,
    prompt: config.prompt,
  };
  return trainDiffusion(`base with ${projection}`, config, networks, options);
}

/**
 * Trains the UNet and the face encoder of a model on. Source: Arc2Face §3.3, §4.5; §4.4 for the MLP, which starts anew.
 * @throws InputError if the recipe has no such projection
 */
export async function trainArc2Face(
  config: Arc2FaceConfig,
  projection: "encoder" | "mlp",
  start: StartingModel,
  options: TrainOptions,
): Promise<RunResult> {
  const mlp = config.projection?.mlp;
  if (projection === "mlp" && !mlp) {
    throw new InputError("the recipe describes no projection.mlp; add it, or train with the encoder");
  }
  const chosen: NetworkStart<ProjectionConfig> = projection === "mlp" && mlp ? { config: mlp } : start.encoder;
  return trainDiffusion(`arc2face with ${projection}`, config, { ...start, projection: chosen }, options);
}

/**
 * Distils a model into one that needs about four steps. Source: Luo 2023, Algorithm 1.
 * @throws InputError if the data are not what the model was trained with
 */
export async function trainDistill(
  config: DistillConfig,
  start: FinishedModel,
  options: TrainOptions,
): Promise<RunResult> {
  return withDataset(config, options, async (dataset) => {
    const autoencoder = await requireLatents(dataset, start.autoencoder, config);
    const { size, recogniser } = dataset.index.embeddings;
    const { manifest } = start;
    if (size !== manifest.embeddingSize || (manifest.recogniser && manifest.recogniser.sha256 !== recogniser.sha256)) {
      const known = manifest.recogniser?.name ?? "a recogniser";
      throw new InputError(
        `${dataset.name} has embeddings of ${recogniser.name} (${size} numbers), but the model takes those of ${known} ` +
          `(${manifest.embeddingSize} numbers), and its encoder is not trained; prepare the dataset with that recogniser`,
      );
    }
    const task = new ConsistencyTask(dataset, start, makeWeights(config), config);
    const hashes = {
      autoencoder,
      unet: await hashFile(start.unet.weights.path, "sha256"),
      encoder: await hashFile(start.encoder.weights.path, "sha256"),
    };
    return { task, method: "distill", hashes };
  });
}

function trainDiffusion(
  method: string,
  config: BaseConfig | Arc2FaceConfig,
  networks: DiffusionNetworks,
  options: TrainOptions,
): Promise<RunResult> {
  return withDataset(config, options, async (dataset) => {
    const vae = await requireLatents(dataset, networks.autoencoder, config);
    const { identity, adversarial, minSnrGamma } = config.loss;
    if (adversarial && config.lora) {
      throw new InputError("loss.adversarial: with lora the discriminator would not learn; leave out one of them");
    }
    const recogniser = identity && (await importNetwork(identity.recogniser, () => [1, 3, 112, 112]));
    const images = Math.min(identity?.images ?? 0, config.batchSize);
    const features = identity?.features;
    const all = ([, ...each]: Dims): Dims => [images, ...each];
    const judge = features && (await importNetwork(features.network, all));
    const expected = features?.expected === undefined ? undefined : await importNetwork(features.expected, all);
    const known = dataset.index.embeddings.recogniser;
    if (recogniser && recogniser.sha256 !== known.sha256) {
      throw new InputError(
        `loss.identity: the dataset's embeddings are of ${known.name} (${known.sha256}), not of this recogniser`,
      );
    }
    const { schedule } = config;
    const noise: NoiseScheduleConfig = { trainSteps: 1000, ...schedule, predictionType: schedule.prediction };
    const task = new DiffusionTask(dataset, networks, makeWeights(config), {
      ...config,
      noise,
      minSnrGamma,
      adversarial,
      identity: identity &&
        recogniser && {
          ...identity,
          recogniser: recogniser.graph,
          images,
          features: features && judge && { ...features, network: judge.graph, expected: expected?.graph },
        },
    });
    const starts = { unet: networks.unet.weights, encoder: networks.projection.weights };
    const hashes: Record<string, string> = {
      autoencoder: vae,
      ...(recogniser && { recogniser: recogniser.sha256 }),
      ...(judge && { features: judge.sha256 }),
      ...(expected && { expected: expected.sha256 }),
    };
    for (const [name, file] of Object.entries(starts)) if (file) hashes[name] = await hashFile(file.path, "sha256");
    return { task, method, hashes };
  });
}

/**
 * The hash of the autoencoder, which must have made the dataset's latents.
 * @throws InputError if another did, or if mirrored ones are missing
 */
async function requireLatents(
  dataset: FaceRows,
  autoencoder: FrozenAutoencoder,
  { mirror }: { readonly mirror: boolean },
): Promise<string> {
  const hash = await hashFile(autoencoder.weights.path, "sha256");
  const { latents } = dataset.index;
  if (latents && latents.autoencoder !== hash) {
    throw new InputError(
      `${dataset.name}: its latents are of another autoencoder; run arc2face dataset encode with this one`,
    );
  }
  if (mirror && latents?.mirrored === false) {
    throw new InputError(
      `${dataset.name}: no latents of mirrored images; run arc2face dataset encode --mirror, or set mirror to false`,
    );
  }
  return hash;
}

/** Opens the data, makes the task, opens the run's folder, and trains. */
async function withDataset(
  config: RunConfig,
  options: TrainOptions,
  make: (dataset: FaceRows) => Promise<{ task: TrainingTask; method: string; hashes: Record<string, string> }>,
): Promise<RunResult> {
  const { data, out, resume, version } = options;
  const dataset = await openRows(data);
  try {
    if (dataset.index.sizePx !== config.sizePx) {
      throw new InputError(
        `${dataset.name} has images of ${dataset.index.sizePx} pixels; the recipe asks for sizePx ${config.sizePx}`,
      );
    }
    const { task, method, hashes } = await make(dataset);
    try {
      const description = { method, config, hashes: { dataset: dataset.sha256, ...hashes }, version };
      const folder = await RunFolder.open(out, description, { resume, keep: config.checkpoints.keep });
      return await runTraining(task, config, dataset.count, folder, options);
    } finally {
      await task.release();
    }
  } finally {
    await dataset.close();
  }
}

function makeWeights(config: RunConfig & { readonly lora?: BaseConfig["lora"] }): TrainableWeights {
  const { parameters: rules, optimizer, lora, seed } = config;
  return new TrainableWeights({
    rules,
    weightDecay: optimizer.weightDecay,
    lora,
    generator: randomFor(seed, "weights"),
  });
}

/** An imported network that takes one batch of images. */
async function importNetwork(
  source: string,
  shapeOf: (declared: Dims) => Dims,
): Promise<{ graph: GraphInterface; sha256: string }> {
  const file = await resolveFile(source);
  const { model, sha256 } = isTfjsManifest(file.path)
    ? await loadTfjsNetwork(file, () => ({}))
    : { model: { bytes: await readFile(file.path) }, sha256: file.sha256 };
  const { bytes } = model;
  const [first] = importOnnx(bytes).inputs;
  const inputShapes = first && { [first.name as string]: shapeOf(first.shape) };
  return { graph: importOnnx(bytes, { inputShapes }), sha256 };
}
