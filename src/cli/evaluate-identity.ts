import { measureIdentity } from "../evaluation/measure-identity.js";
import { command, flag, optional, withDefault } from "./command.js";
import { printJson } from "./context.js";
import { evaluationOptions, runEvaluation } from "./evaluation-job.js";
import { formatIdentity } from "./identity-report.js";
import { number, text, wholeNumber } from "./read-options.js";

export const evaluateIdentityCommand = command({
  name: "identity",
  summary: "measure how well a generator's images show the person given",
  options: {
    ...evaluationOptions,
    count: withDefault("-n, --count <images>", "images of each person", wholeNumber(1, 1000), 5),
    training: optional("--training <dataset>", "what the model was trained with; finds the nearest images", text),
    threshold: optional(
      "--threshold <cosine>",
      "from which the recogniser's photos show one person (default: as measured on LFW)",
      number(-1, 1),
    ),
    out: withDefault("--out <folder>", "for images, tables, plots and report.html", text, "out/identity"),
    json: flag(
      "--json",
      "print {inputs, images, meanSimilarity, shareAboveThreshold, shareFaceFound, crossSimilarity, " +
        "secondRecogniser: {name, meanSimilarity, shareAboveThreshold}, diversity: {embedding, pixel}, nearestTraining}",
    ),
  },
  details: `\
Images that an earlier run left in the folder are not made again, so an interrupted run goes on where it was.

Example: arc2face evaluate identity --inputs photos/ --training faces128/ --out identity`,
  async run(_, { json, training, threshold, count, ...options }, context) {
    await runEvaluation(options, count, context, async (job, progress) => {
      const settings = { model: options.model, inputs: options.inputs, loras: options.loras, training, ...job.request };
      const onProgress = (stage: "people" | "training", done: number, total: number) => {
        const label = stage === "people" ? "evaluating" : "nearest training images";
        progress.update({ label, done, total, unit: "photos" });
      };
      const { summary, skipped, files } = await measureIdentity({ ...job, training, threshold, settings, onProgress });
      progress.stop();
      if (json) printJson(context, summary);
      else context.stdout(`${formatIdentity(summary)}\n${files[0]}\n`);
      return skipped;
    });
  },
});
