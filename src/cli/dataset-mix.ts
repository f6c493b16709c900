import { mixDataset } from "../data/mix.js";
import { LandmarkNetwork } from "../face/landmarks.js";
import { Recogniser } from "../face/recogniser.js";
import { command, flag, optional, required, withDefault } from "./command.js";
import { printJson } from "./context.js";
import { Progress } from "./progress.js";
import { number, text, wholeNumber } from "./read-options.js";

export const datasetMix = command({
  name: "mix",
  summary: "make a dataset of people who are nobody: faces of one dataset mixed with heads of another",
  args: [["<heads>", "dataset whose heads, hair and backgrounds are used"]],
  options: {
    faces: optional("--faces <dataset>", "dataset of the faces; default: the heads' own", text),
    out: required("--out <folder>", "folder of the new dataset", text),
    count: withDefault(
      "-n, --count <faces>",
      "how many to try; those that do not fit are left out",
      wholeNumber(1, 1e7),
      5000,
    ),
    leastShare: withDefault(
      "--least-share <share>",
      "of the face in the mixture; drawn from here to 1",
      number(0, 1),
      0.4,
    ),
    seed: withDefault("--seed <number>", "decides pairs and shares", wholeNumber(0, 2 ** 31), 1),
    recogniser: optional("--recogniser <name>", "what embedded the datasets; default mobilefacenet", text),
    json: flag("--json", "print the dataset's index"),
  },
  details: "A face goes into a head that the recogniser finds alike and that stands alike. Run again to go on.",
  async run([heads], { faces = heads!, recogniser: source, json, ...options }, context) {
    const { signal } = context;
    const progress = new Progress(context);
    const load = { signal, onDownload: progress.showDownload };
    const recogniser = await Recogniser.load(source, load);
    const landmarks = await LandmarkNetwork.load(undefined, load).catch(async (error) => {
      await recogniser.release();
      throw error;
    });
    try {
      const index = await mixDataset({
        ...options,
        ...{ heads: heads!, faces, landmarks, recogniser, signal },
        onProgress: ({ done, total, skipped }) =>
          progress.update({ label: "mixing", done, total, unit: "faces", note: `${skipped} skipped` }),
      });
      progress.stop();
      if (json) printJson(context, index);
      else context.stdout(`${options.out}: ${index.count} faces, ${index.skipped} left out\n`);
    } finally {
      progress.stop();
      await Promise.all([recogniser.release(), landmarks.release()]);
    }
  },
});
