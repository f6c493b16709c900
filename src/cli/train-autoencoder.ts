import { readTrainConfig } from "../train/config.js";
import { trainAutoencoder } from "../train/methods.js";
import { command } from "./command.js";
import { runWithProgress, trainOptions } from "./train-options.js";

export const trainAutoencoderCommand = command({
  name: "autoencoder",
  summary: "train the perceptual autoencoder of the base models",
  options: trainOptions,
  details: "Example: arc2face train autoencoder --config recipes/autoencoder-128.json --data faces --out out/vae",
  async run(_, { config: path, ...options }, context) {
    const config = await readTrainConfig("autoencoder", path);
    await runWithProgress(options, context, (all) => trainAutoencoder(config, all));
  },
});
