import { pullModel } from "../hub/pull.js";
import { command, flag, repeated } from "./command.js";
import { printJson } from "./context.js";
import { formatFiles } from "./model-report.js";
import { Progress } from "./progress.js";
import { text } from "./read-options.js";

export const modelsPull = command({
  name: "pull",
  summary: "download a model, or what is missing of it",
  args: [["<source>", "a name (see: models list) or hf:OWNER/REPO[@REVISION]"]],
  options: {
    parts: repeated("--part <name>", "also an optional part of a named model, such as controlnet", text),
    refresh: flag("--refresh", "ask for the latest revision, and hash again what is there"),
    json: flag("--json", "print {source, pulledAt, folder, files: [{path, source, origin, licence, sha256, bytes}]}"),
  },
  details: `Interrupted downloads go on where they stopped.
HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE, HTTPS_PROXY and npm's configuration are obeyed.`,
  async run([source = ""], { parts, refresh, json }, context) {
    const progress = new Progress(context);
    try {
      const { signal } = context;
      const model = await pullModel(source, { parts, refresh, signal, onProgress: progress.showDownload });
      progress.stop();
      if (json) printJson(context, model);
      else context.stdout(`${formatFiles(model.files)}\n${model.folder}\n`);
    } finally {
      progress.stop();
    }
  },
});
