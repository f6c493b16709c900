import { freemem } from "node:os";
import { latentFactor } from "./graphs.js";
import type { ModelFolder } from "./model-folder.js";
import type { GenerationPlan } from "./request.js";

/** Batches above this gain nothing on processors: the matrix products are large enough. */
const largestBatch = 16;
/** Share of the free memory that activations may take. */
const memoryShare = 0.5;
/**
 * Peak of activations per image, in maps of the network's first width at full latent (UNet) or pixel (decoder) size.
 * Measured at 512x512 with the network of Stable Diffusion 1.5.
 */
const unetMaps = 24;
const decoderMaps = 6;

/** How many images to make at once so that activations fit into free memory. */
export function chooseBatchSize(folder: ModelFolder, plan: GenerationPlan): number {
  const { widthPx, heightPx, guidance } = plan;
  const pixels = widthPx * heightPx;
  const latents = pixels / latentFactor(folder.autoencoder) ** 2;
  const unetWidth = folder.unet.config.block_out_channels[0] as number;
  const { autoencoder } = folder;
  const decoderWidth =
    autoencoder.kind === "tiny"
      ? (autoencoder.config.decoder_block_out_channels.at(-1) as number)
      : (autoencoder.config.block_out_channels[0] as number);
  const branches = guidance.scale === 1 ? 1 : 2;
  const bytes = 4 * Math.max(branches * latents * unetWidth * unetMaps, pixels * decoderWidth * decoderMaps);
  return Math.min(largestBatch, Math.max(1, Math.floor((freemem() * memoryShare) / bytes)));
}
