import { addBackdrops } from "../data/backdrop.js";
import { PersonMask } from "../face/person-mask.js";
import { command, flag, required, withDefault } from "./command.js";
import { printJson } from "./context.js";
import { Progress } from "./progress.js";
import { text, wholeNumber } from "./read-options.js";

export const datasetBackdrop = command({
  name: "backdrop",
  summary: "make a dataset of the people of another before the plain backdrop of a portrait studio",
  args: [["<faces>", "dataset of photos in the wild"]],
  options: {
    out: required("--out <folder>", "folder of the new dataset", text),
    seed: withDefault("--seed <number>", "decides the backdrops", wholeNumber(0, 2 ** 31), 1),
    json: flag("--json", "print the dataset's index"),
  },
  details:
    "Embeddings are those that the people have. Left out are photos in which the person does not stand out. " +
    "Run again to go on.",
  async run([faces], { json, ...options }, context) {
    const { signal } = context;
    const progress = new Progress(context);
    const mask = await PersonMask.load({ signal });
    try {
      const index = await addBackdrops({
        ...options,
        ...{ faces: faces!, mask, signal },
        onProgress: ({ done, total, skipped }) =>
          progress.update({ label: "cutting out", done, total, unit: "photos", note: `${skipped} skipped` }),
      });
      progress.stop();
      if (json) printJson(context, index);
      else context.stdout(`${options.out}: ${index.count} faces, ${index.skipped} left out\n`);
    } finally {
      progress.stop();
      await mask.release();
    }
  },
});
