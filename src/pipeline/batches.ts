import { latentFactor } from "../models/autoencoder.js";
import type { ModelFolder } from "./model-folder.js";
import type { GenerationPlan } from "./request.js";

/** Batches above this gain nothing on processors: the matrix products are large enough. */
const largestBatch = 16;
/** What activations may take. Not a share of what is free: the same request gives the same bytes at any time. */
const activationBytes = 2 ** 31;
/**
 * Activations of the UNet per image, in maps of its first width at full latent size. Measured with the network of Stable
 * Diffusion 1.5 at 512x512: 147 MB more for each image in the batch, 5.2 MB a map.
 */
const mapsPerImage = 28;

/** How many images to denoise at once so that the UNet's activations stay below 2 GiB; at least one. */
export function chooseBatchSize(
  folder: ModelFolder,
  { widthPx, heightPx, guidance }: Pick<GenerationPlan, "widthPx" | "heightPx" | "guidance">,
): number {
  const latents = (widthPx * heightPx) / latentFactor(folder.autoencoder) ** 2;
  const width = folder.unet.config.block_out_channels[0] as number;
  const branches = guidance.scale === 1 ? 1 : 2;
  const bytesPerImage = 4 * branches * latents * width * mapsPerImage;
  return Math.min(largestBatch, Math.max(1, Math.floor(activationBytes / bytesPerImage)));
}
