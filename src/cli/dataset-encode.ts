import { encodeLatents } from "../data/encode-latents.js";
import { openAutoencoder } from "../pipeline/model-folder.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { command, flag, required, withDefault } from "./command.js";
import { printJson } from "./context.js";
import { Progress } from "./progress.js";
import { devices, oneOf, text } from "./read-options.js";

export const datasetEncode = command({
  name: "encode",
  summary: "compute the latents of a dataset's images",
  args: [["<dataset>", "folder of the dataset"]],
  options: {
    autoencoder: required("--autoencoder <folder>", "model folder whose vae/ is used", text),
    mirror: flag("--mirror", "also of the mirrored images"),
    device: withDefault("--device <name>", `one of ${devices.join(", ")}`, oneOf(devices), "auto"),
    json: flag("--json", "print the dataset's index"),
  },
  async run([folder = ""], { autoencoder: source, mirror, device, json }, context) {
    const { signal } = context;
    const autoencoder = await openAutoencoder(source, cacheFolder());
    const progress = new Progress(context);
    const onProgress = (work: { done: number; total: number }) =>
      progress.update({ label: "encoding", ...work, unit: "photos" });
    const options = { autoencoder, mirror, device, signal, onProgress };
    const index = await encodeLatents(folder, options).finally(() => progress.stop());
    if (json) printJson(context, index);
    else context.stdout(`${folder}: latents [${index.latents?.shape}] of ${index.count} faces\n`);
  },
});
