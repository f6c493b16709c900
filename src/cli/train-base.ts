import { openAutoencoder } from "../pipeline/model-folder.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { readTrainConfig } from "../train/config.js";
import { trainBase } from "../train/methods.js";
import { command, required } from "./command.js";
import { text } from "./read-options.js";
import { projection, runWithProgress, trainOptions } from "./train-options.js";

export const trainBaseCommand = command({
  name: "base",
  summary: "train an ID-conditioned latent diffusion model from scratch",
  options: {
    ...trainOptions,
    autoencoder: required("--autoencoder <folder>", "model folder whose vae/ is used", text),
    projection,
  },
  details:
    "Example: arc2face train base --config recipes/mini/base.json --data faces --autoencoder out/vae/model --out out/base",
  async run(_, { config: path, autoencoder: folder, projection: kind, ...options }, context) {
    const config = await readTrainConfig("base", path);
    const autoencoder = await openAutoencoder(folder, cacheFolder());
    await runWithProgress(options, context, (all) => trainBase(config, kind, autoencoder, all));
  },
});
