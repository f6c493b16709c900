import { loadFaceSource } from "../data/face-source.js";
import { prepareDataset } from "../data/prepare.js";
import { command, flag, optional, required, withDefault } from "./command.js";
import { printJson } from "./context.js";
import { Progress } from "./progress.js";
import { text, wholeNumber } from "./read-options.js";

export const datasetPrepare = command({
  name: "prepare",
  summary: "make a dataset of photos: faces aligned as in FFHQ, with their embeddings",
  args: [["<source...>", "folders of photos, and WebDataset archives (.tar)"]],
  options: {
    out: required("--out <folder>", "folder of the dataset", text),
    size: withDefault("--size <pixels>", "side of the aligned faces", wholeNumber(8, 2048), 512),
    aligned: flag("--aligned", "the photos are FFHQ-aligned already; they are only resized"),
    recogniser: optional("--recogniser <name>", "what embeds the faces; default mobilefacenet", text),
    json: flag("--json", "print the dataset's index"),
  },
  details: "Photos that cannot be read or hold no face are left out and named in skipped.jsonl. Run again to go on.",
  async run(sources, { out, size, aligned, recogniser, json }, context) {
    const { signal } = context;
    const progress = new Progress(context);
    const load = { sizePx: size, aligned, recogniser, signal, onDownload: progress.showDownload };
    const faces = await loadFaceSource(load);
    try {
      const index = await prepareDataset({
        sources,
        out,
        sizePx: size,
        faces,
        signal,
        onProgress: ({ done, total, skipped }) =>
          progress.update({ label: "preparing", done, total, unit: "photos", note: `${skipped} skipped` }),
      });
      progress.stop();
      if (json) printJson(context, index);
      else context.stdout(`${out}: ${index.count} faces, ${index.skipped} photos skipped\n`);
    } finally {
      progress.stop();
      await faces.release();
    }
  },
});
