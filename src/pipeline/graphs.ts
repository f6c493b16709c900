import { CheckpointError } from "../errors.js";
import { exportOnnx } from "../graph/export.js";
import type { OnnxModel } from "../graph/onnx-model.js";
import { clip } from "../graph/operators/index.js";
import { input } from "../graph/value.js";
import { FileWeights, type WeightSource, Weights, type WeightsOptions } from "../graph/weights.js";
import { decode, fromDiffusionScale } from "../models/autoencoder.js";
import { projectFace } from "../models/projection.js";
import { unet } from "../models/unet.js";
import type { ModelFolder } from "./model-folder.js";

/** The three networks of the pipeline as ONNX models. All take a batch of any size; the UNet and the VAE one image size. */

/** Inputs `tokens` i64 [batch, L] and `faceEmbedding` float [batch, E]; output `conditioning` float [batch, L, D]. */
export function encoderModel({ encoder, manifest }: ModelFolder, patch: Patch): OnnxModel {
  const file = new FileWeights(encoder.weights);
  const w = new Weights(patch(file, "text_encoder"));
  const tokens = input("tokens", "i64", ["batch", manifest.prompt.tokens.length]);
  const faceEmbedding = input("faceEmbedding", "f32", ["batch", manifest.embeddingSize]);
  const conditioning = projectFace(w, encoder.config, tokens, faceEmbedding, manifest.prompt.idToken);
  // A buffer that transformers used to save with the weights; it holds 0, 1, 2, …
  requireAllUsed(file, encoder.weights.path, (key) => !key.endsWith("position_ids"));
  return exportOnnx({ inputs: [tokens, faceEmbedding], outputs: { conditioning } });
}

/**
 * Inputs `latents` float [batch, C, height, width], `timesteps` float [batch], `conditioning` float [batch, L, D];
 * output `prediction` float like the latents.
 */
export function unetModel(
  folder: ModelFolder,
  patch: Patch,
  height: number,
  width: number,
  options?: WeightsOptions,
): OnnxModel {
  const { config, weights } = folder.unet;
  const file = new FileWeights(weights);
  const latents = input("latents", "f32", ["batch", config.in_channels, height, width]);
  const timesteps = input("timesteps", "f32", ["batch"]);
  const length = folder.manifest.prompt.tokens.length;
  const conditioning = input("conditioning", "f32", ["batch", length, folder.encoder.config.hidden_size]);
  const prediction = unet(new Weights(patch(file, "unet"), "", options), config, latents, timesteps, conditioning);
  requireAllUsed(file, weights.path, () => true);
  return exportOnnx({ inputs: [latents, timesteps, conditioning], outputs: { prediction } });
}

/** Input `latents` float [batch, C, height, width] on the diffusion model's scale; output `image` float, [-1, 1]. */
export function decoderModel({ autoencoder }: ModelFolder, height: number, width: number): OnnxModel {
  const w = new Weights(new FileWeights(autoencoder.weights));
  const latents = input("latents", "f32", ["batch", autoencoder.config.latent_channels, height, width]);
  const decoded = decode(w, autoencoder, fromDiffusionScale(autoencoder, latents));
  return exportOnnx({ inputs: [latents], outputs: { image: clip(decoded, -1, 1) } });
}

/** Adds LoRA updates to a network's weights. */
export type Patch = (weights: WeightSource, network: "unet" | "text_encoder") => WeightSource;

function requireAllUsed(file: FileWeights, path: string, matters: (key: string) => boolean): void {
  const left = file.unused().filter(matters);
  if (left.length === 0) return;
  throw new CheckpointError(
    `${path} holds ${left.length} weights that the config.json beside it does not describe, for example "${left[0]}"`,
  );
}
