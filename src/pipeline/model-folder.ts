import { createHash } from "node:crypto";
import { access, readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { parseSchedulerConfig, type SchedulerConfig, stableDiffusion15 } from "../diffusion/scheduler-config.js";
import { CheckpointError } from "../errors.js";
import { type Autoencoder, parseAutoencoder } from "../models/autoencoder.js";
import { type ProjectionConfig, parseProjectionConfig } from "../models/projection.js";
import { parseUNetConfig, type UNetConfig } from "../models/unet-config.js";
import { openSafetensors, type SafetensorsFile } from "../tensor/safetensors.js";
import { convertTorchCheckpoint } from "../tensor/torch-checkpoint.js";
import { type ModelManifest, parseManifest } from "./manifest.js";
import { requireFit } from "./model-fit.js";

/** A network's configuration and its weights on disk. */
export interface NetworkFiles<Config> {
  readonly config: Config;
  readonly weights: SafetensorsFile;
}

/** An autoencoder and its weights on disk. */
export type AutoencoderFiles = Autoencoder & { readonly weights: SafetensorsFile };

/** Everything that a model folder holds, checked; no weights are read yet. */
export interface ModelFolder {
  readonly path: string;
  readonly manifest: ModelManifest;
  readonly scheduler: SchedulerConfig;
  readonly unet: NetworkFiles<UNetConfig>;
  readonly encoder: NetworkFiles<ProjectionConfig>;
  readonly autoencoder: AutoencoderFiles;
}

const weightNames = [
  "diffusion_pytorch_model.safetensors",
  "model.safetensors",
  "pytorch_model.safetensors",
  "diffusion_pytorch_model.fp16.safetensors",
  "model.fp16.safetensors",
  "pytorch_model.bin",
  "diffusion_pytorch_model.bin",
];

/**
 * Opens a model folder: the official release's names (`arc2face/`, `encoder/`) or diffusers' (`unet/`, `text_encoder/`),
 * with `vae/`, and optionally `scheduler/` and `arc2face.json`.
 * @param cacheFolder where torch pickles are rewritten as safetensors, once
 * @throws CheckpointError naming the file that is missing or wrong
 */
export async function openModelFolder(folder: string, cacheFolder: string): Promise<ModelFolder> {
  const path = resolve(folder);
  if (!(await exists(path))) throw new CheckpointError(`there is no model folder at ${path}`);
  const unet = await openNetwork(path, ["arc2face", "unet"], parseUNetConfig, cacheFolder);
  const encoder = await openNetwork(path, ["encoder", "text_encoder"], parseProjectionConfig, cacheFolder);
  const manifestPath = join(path, "arc2face.json");
  const json = (await exists(manifestPath)) ? await readJson(manifestPath) : {};
  const schedulerPath = join(path, "scheduler", "scheduler_config.json");
  const model: ModelFolder = {
    path,
    unet,
    encoder,
    autoencoder: await openAutoencoder(path, cacheFolder),
    manifest: parseManifest(json, encoder.config.max_position_embeddings, manifestPath),
    scheduler: (await exists(schedulerPath))
      ? parseSchedulerConfig(await readFile(schedulerPath, "utf8"))
      : stableDiffusion15,
  };
  requireFit(model);
  return model;
}

/**
 * Opens the autoencoder of a model folder, which need not hold anything else.
 * @throws CheckpointError as {@link openModelFolder}
 */
export async function openAutoencoder(folder: string, cacheFolder: string): Promise<AutoencoderFiles> {
  const { config, weights } = await openNetwork(folder, ["vae"], parseAutoencoder, cacheFolder);
  return { ...config, weights };
}

async function openNetwork<Config>(
  folder: string,
  names: readonly string[],
  parse: (json: unknown, where: string) => Config,
  cacheFolder: string,
): Promise<NetworkFiles<Config>> {
  for (const name of names) {
    const configPath = join(folder, name, "config.json");
    if (!(await exists(configPath))) continue;
    const config = parse(await readJson(configPath), configPath);
    return { config, weights: await openWeights(join(folder, name), cacheFolder) };
  }
  const expected = names.map((name) => `${name}/config.json`).join(" or ");
  throw new CheckpointError(
    `${folder} has no ${expected}; a model folder holds arc2face/ (or unet/), encoder/ (or text_encoder/) and vae/, ` +
      "which for the official networks is that of Stable Diffusion 1.5",
  );
}

async function openWeights(folder: string, cacheFolder: string): Promise<SafetensorsFile> {
  for (const name of weightNames) {
    const path = join(folder, name);
    if (!(await exists(path))) continue;
    return openSafetensors(path.endsWith(".bin") ? await convertOnce(path, cacheFolder) : path);
  }
  throw new CheckpointError(`${folder} holds no weights; expected ${weightNames.slice(0, 2).join(" or ")}`);
}

/** A safetensors copy of a torch pickle, made the first time and named after the pickle's place, size and age. */
async function convertOnce(path: string, cacheFolder: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  const key = createHash("sha256")
    .update(JSON.stringify([path, size, mtimeMs]))
    .digest("hex")
    .slice(0, 32);
  const converted = join(cacheFolder, "converted", key, basename(path).replace(/\.bin$/, ".safetensors"));
  if (!(await exists(converted))) await convertTorchCheckpoint(path, converted);
  return converted;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new CheckpointError(`${path} is not JSON; download it again`, { cause });
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
