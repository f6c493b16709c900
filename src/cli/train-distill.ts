import { resolveFolder } from "../hub/pull.js";
import { openModelFolder } from "../pipeline/model-folder.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { readTrainConfig } from "../train/config.js";
import { trainDistill } from "../train/methods.js";
import { command, required } from "./command.js";
import { text } from "./read-options.js";
import { runWithProgress, trainOptions } from "./train-options.js";

export const trainDistillCommand = command({
  name: "distill",
  summary: "distil a model into one that needs about 4 steps (latent consistency)",
  options: {
    ...trainOptions,
    start: required("--start <model>", "model folder to distil, hf:OWNER/REPO, or a known model", text),
  },
  details:
    "The UNet learns; the face encoder stays as it is. The new model is sampled by lcm, without guidance, by default.\n" +
    "Example: arc2face train distill --config recipes/mini/distill.json --data faces --start mini --out out/quick",
  async run(_, { config: path, start: source, ...options }, context) {
    const config = await readTrainConfig("distill", path);
    const start = await openModelFolder(await resolveFolder(source, { signal: context.signal }), cacheFolder());
    const model = { ...start, prompt: start.manifest.prompt, noise: start.scheduler.noise };
    await runWithProgress(options, context, (all) => trainDistill(config, model, all));
  },
});
