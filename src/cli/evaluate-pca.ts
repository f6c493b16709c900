import { join } from "node:path";
import { openTrainingSet } from "../evaluation/training-set.js";
import { evaluateTruncation } from "../evaluation/truncation.js";
import { fitPrincipalComponents } from "../identity/principal-components.js";
import { command, flag, required, withDefault } from "./command.js";
import { printJson } from "./context.js";
import { evaluationOptions, runEvaluation } from "./evaluation-job.js";
import { formatTruncations } from "./identity-report.js";
import { text, wholeNumber, wholeNumbers } from "./read-options.js";

export const evaluatePcaCommand = command({
  name: "pca",
  summary: "measure what images lose with the principal components of the embedding",
  options: {
    ...evaluationOptions,
    components: withDefault(
      "--components <numbers>",
      "how many to keep, with commas between; all of them is always done, too",
      wholeNumbers(1),
      [512, 300, 100, 50, 20],
    ),
    training: required("--training <dataset>", "whose embeddings the components are those of", text),
    count: withDefault(
      "-n, --count <images>",
      "images of each person and number of components",
      wholeNumber(1, 1000),
      1,
    ),
    out: withDefault("--out <folder>", "for images, pca.json, pca.png (the sheet) and pca.svg", text, "out/pca"),
    json: flag(
      "--json",
      "print {inputs, images, truncations: [{components, variance, embeddingSimilarity, meanSimilarity, " +
        "secondSimilarity, similarityToFull, shareFaceFound}]}",
    ),
  },
  details: `\
Each column of the sheet has the same seeds. Images that an earlier run left in the folder are not made again.

Example: arc2face evaluate pca --inputs photos/ --limit 8 --training faces128/ --out pca`,
  async run(_, { json, training, components, count, ...options }, context) {
    await runEvaluation(options, count, context, async (job, progress) => {
      const { dataset } = await openTrainingSet(training, job.judges.recogniser.id);
      const onFit = (done: number, total: number) =>
        progress.update({ label: "principal components", done, total, unit: "photos" });
      const fitting = { signal: context.signal, onProgress: onFit };
      const principal = await fitPrincipalComponents(dataset, fitting).finally(() => dataset.close());
      const onProgress = (done: number, total: number) =>
        progress.update({ label: "evaluating", done, total, unit: "photos" });
      const { skipped, ...evaluation } = await evaluateTruncation({ ...job, principal, components, onProgress });
      progress.stop();
      if (json) printJson(context, evaluation);
      else context.stdout(`${formatTruncations(evaluation.truncations)}\n${join(options.out, "pca.png")}\n`);
      return skipped;
    });
  },
});
