import { openAutoencoder } from "../pipeline/model-folder.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { readTrainConfig } from "../train/config.js";
import { trainAutoencoder } from "../train/methods.js";
import { command, optional } from "./command.js";
import { text } from "./read-options.js";
import { runWithProgress, trainOptions } from "./train-options.js";

export const trainAutoencoderCommand = command({
  name: "autoencoder",
  summary: "train the perceptual autoencoder of the base models",
  options: {
    ...trainOptions,
    start: optional("--start <folder>", "model folder whose vae/ is trained on; default random weights", text),
    near: optional(
      "--near <folder>",
      "model folder whose vae/ has the latents to resemble (loss.near in the recipe)",
      text,
    ),
  },
  details: "Example: arc2face train autoencoder --config recipes/mini/autoencoder.json --data faces --out out/vae",
  async run(_, { config: path, start, near, ...options }, context) {
    const config = await readTrainConfig("autoencoder", path);
    const open = async (folder: string | undefined) =>
      folder === undefined ? undefined : await openAutoencoder(folder, cacheFolder());
    const others = { start: await open(start), near: await open(near) };
    await runWithProgress(options, context, (all) => trainAutoencoder(config, others, all));
  },
});
