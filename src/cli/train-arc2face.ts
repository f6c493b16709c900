import { resolveFolder } from "../hub/pull.js";
import { openModelFolder } from "../pipeline/model-folder.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { readTrainConfig } from "../train/config.js";
import { trainArc2Face } from "../train/methods.js";
import { command, required } from "./command.js";
import { text } from "./read-options.js";
import { projection, runWithProgress, trainOptions } from "./train-options.js";

/** The stages of the paper, as recipes of the package. */
const presets = ["webface", "finetune"];

export const trainArc2FaceCommand = command({
  name: "arc2face",
  summary: "train UNet and face encoder of a Stable Diffusion 1.5 checkpoint on faces",
  options: {
    ...trainOptions,
    start: required("--start <model>", "model folder to start from, hf:OWNER/REPO, or a known model", text),
    projection,
  },
  details:
    `--config takes a file, or a stage of the paper: ${presets.join(", ")}.\n` +
    "Example: arc2face train arc2face --config finetune --data faces512 --start out/webface/model --out out/finetune",
  async run(_, { config: path, start: source, projection: kind, ...options }, context) {
    const preset = new URL(`../../recipes/${path}.json`, import.meta.url);
    const config = await readTrainConfig("arc2face", presets.includes(path) ? preset : path);
    const start = await openModelFolder(await resolveFolder(source, { signal: context.signal }), cacheFolder());
    const model = { ...start, prompt: start.manifest.prompt };
    await runWithProgress(options, context, (all) => trainArc2Face(config, kind, model, all));
  },
});
