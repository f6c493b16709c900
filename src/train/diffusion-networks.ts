import type { FaceRows } from "../data/dataset.js";
import type { NoiseScheduleConfig } from "../diffusion/schedule.js";
import { CheckpointError, InputError } from "../errors.js";
import type { Value } from "../graph/value.js";
import { FileWeights, Weights } from "../graph/weights.js";
import { type Autoencoder, decode, fromDiffusionScale } from "../models/autoencoder.js";
import type { ProjectionConfig } from "../models/projection.js";
import type { UNetConfig } from "../models/unet-config.js";
import type { SafetensorsFile } from "../tensor/safetensors.js";
import { type ExportedNetwork, exportModel, type ModelContents } from "./export.js";

/** A network to train: its architecture, and the weights to start from (absent: random). */
export interface NetworkStart<Config> {
  readonly config: Config;
  readonly weights?: SafetensorsFile | undefined;
}

/** The tokens around the identity. */
export interface Prompt {
  readonly tokens: readonly number[];
  readonly idToken: number;
  readonly unconditional: readonly number[];
}

/** A frozen autoencoder. */
export type FrozenAutoencoder = Autoencoder & { readonly weights: SafetensorsFile };

export interface DiffusionNetworks {
  readonly unet: NetworkStart<UNetConfig>;
  readonly projection: NetworkStart<ProjectionConfig>;
  /** Not trained. */
  readonly autoencoder: FrozenAutoencoder;
  readonly prompt: Prompt;
}

/** The networks of a model that training starts from. */
export interface StartingModel {
  readonly unet: { readonly config: UNetConfig; readonly weights: SafetensorsFile };
  readonly encoder: { readonly config: ProjectionConfig; readonly weights: SafetensorsFile };
  readonly autoencoder: FrozenAutoencoder;
  readonly prompt: Prompt;
}

/** A model whose sampling is to get quicker. */
export interface FinishedModel extends StartingModel {
  readonly noise: NoiseScheduleConfig;
  /** `arc2face.json`; what it says beside these numbers goes into the new one as well. */
  readonly manifest: {
    readonly embeddingSize: number;
    readonly recogniser?: { readonly name: string; readonly sha256: string } | undefined;
  };
}

/**
 * [C, H, W] of the latents.
 * @throws InputError or CheckpointError if dataset, UNet and autoencoder do not agree on it
 */
export function latentShapeOf(
  dataset: FaceRows,
  { unet, autoencoder }: Pick<DiffusionNetworks, "unet" | "autoencoder">,
): readonly [number, number, number] {
  const { latents } = dataset.index;
  if (!latents) {
    throw new InputError(`${dataset.name} holds no latents; run arc2face dataset encode with the autoencoder`);
  }
  const { in_channels: channels, out_channels: out } = unet.config;
  if (latents.shape[0] !== channels || channels !== out || channels !== autoencoder.config.latent_channels) {
    throw new CheckpointError(
      `latents of ${latents.shape[0]} channels, a UNet from ${channels} to ${out} and an autoencoder of ` +
        `${autoencoder.config.latent_channels} do not fit together`,
    );
  }
  return latents.shape;
}

/** Latents on the diffusion model's scale to images, by the frozen autoencoder. */
export function decodeLatents(autoencoder: FrozenAutoencoder, latents: Value): Value {
  const weights = new Weights(new FileWeights(autoencoder.weights));
  return decode(weights, autoencoder, fromDiffusionScale(autoencoder, latents));
}

/**
 * Writes a model folder: the networks with what was trained of them, scheduler and manifest.
 * @param latentShape [C, H, W]
 */
export async function exportDiffusionModel(
  folder: string,
  { unet, projection, autoencoder }: DiffusionNetworks,
  [, height, width]: readonly [number, number, number],
  contents: Omit<ModelContents, "networks">,
): Promise<void> {
  const sampleSize = height === width ? height : [height, width];
  const unetConfig = { ...unet.config, _class_name: "UNet2DConditionModel", sample_size: sampleSize };
  const vaeConfig = { ...autoencoder.config, _class_name: autoencoder.kind };
  const file = "diffusion_pytorch_model.safetensors";
  const networks: ExportedNetwork[] = [
    { name: "unet", folder: "arc2face", file, config: unetConfig, weights: unet.weights },
    { name: "encoder", folder: "encoder", file: "model.safetensors", ...projection },
    { folder: "vae", file, config: vaeConfig, weights: autoencoder.weights },
  ];
  await exportModel(folder, { networks, ...contents });
}
