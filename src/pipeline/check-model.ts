import { relative } from "node:path";
import { hashFile } from "../hub/hash.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { decoderModel, encoderModel, unetModel } from "./graphs.js";
import { openModelFolder } from "./model-folder.js";

/** A network's weights that are whole, and those that its configuration describes. */
export interface CheckedWeights {
  /** Path in the model's folder; absolute for a torch pickle's copy in the cache. */
  readonly path: string;
  readonly sha256: string;
}

/**
 * Checks a model folder as far as can be done without known hashes: every file is there and whole, the parts fit each
 * other, and every weight is there with the shape that its configuration says.
 * @throws CheckpointError naming what is wrong
 */
export async function checkModelFolder(
  path: string,
  options: { signal?: AbortSignal } = {},
): Promise<readonly CheckedWeights[]> {
  const folder = await openModelFolder(path, cacheFolder());
  // Any size of the latents does: writing the graphs looks at every weight.
  encoderModel(folder, (weights) => weights);
  unetModel(folder, (weights) => weights, 64, 64);
  decoderModel(folder, 64, 64);
  const checked: CheckedWeights[] = [];
  for (const { weights } of [folder.unet, folder.encoder, folder.autoencoder]) {
    const inside = relative(folder.path, weights.path);
    const sha256 = await hashFile(weights.path, "sha256", options.signal);
    checked.push({ path: inside.startsWith("..") ? weights.path : inside, sha256 });
  }
  return checked;
}
