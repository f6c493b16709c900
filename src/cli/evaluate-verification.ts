import { evaluatePairs } from "../evaluation/recogniser-pairs.js";
import { writeRocPlot } from "../evaluation/roc-plot.js";
import { readVerificationPairs } from "../evaluation/verification-set.js";
import { FaceEmbedder } from "../face/embed.js";
import { command, flag, optional } from "./command.js";
import { embedderOptions, showLicences } from "./face-options.js";
import { Progress } from "./progress.js";
import { fileEnding, text } from "./read-options.js";
import { percent, printVerification } from "./verification-report.js";

export const evaluateVerification = command({
  name: "verification",
  summary: "measure how well a recogniser tells people apart, as on LFW",
  options: {
    pairs: optional("--pairs <file>", "LFW's pairs.txt; with --images", text),
    images: optional("--images <folder>", "the photos: Name/Name_0001.jpg below it", text),
    bin: optional("--bin <file>", "an insightface .bin of aligned crops, instead", text),
    roc: optional("--roc <file>", "draw the ROC, as .svg or .png", fileEnding(".svg", ".png")),
    ...embedderOptions,
    json: flag(
      "--json",
      "print {pairs, accuracy, std, auc, eer, tarAtFar: {1e-2, 1e-3}, threshold, photos, withoutFace}",
    ),
  },
  details: `\
Ten folds, each judged at the threshold that is best for the other nine.

Without --aligned each photo's largest face is found and aligned here, in crops of 112x112 too. With it the crops go to the
recogniser as they are given. Many copies of LFW's crops are SphereFace's, with the eyes 8 pixels further left (x = 30 and 66)
than ArcFace's (38 and 74), and cost half a point of accuracy unless that is said: --aligned sphereface.

Example: arc2face evaluate verification --pairs lfw/pairs.txt --images lfw/ --roc roc.svg`,
  async run(_, { pairs, images, bin, roc, json, ...options }, context) {
    const { signal } = context;
    const set = await readVerificationPairs({ pairs, images, bin });
    const progress = new Progress(context);
    const aligned = options.aligned ?? set.aligned;
    const embedder = await FaceEmbedder.load({ ...options, aligned, signal, onDownload: progress.showDownload });
    try {
      showLicences(embedder.files, context);
      const onProgress = (done: number, total: number) =>
        progress.update({ label: "embedding", done, total, unit: "photos" });
      const result = await evaluatePairs(set.pairs, embedder, { folds: set.folds, signal, onProgress });
      progress.stop();
      const label = `${embedder.recogniser.id.name}: accuracy ${percent(result.accuracy)}`;
      if (roc !== undefined) await writeRocPlot(roc, [{ label, roc: result.roc }]);
      printVerification(result, json, context);
    } finally {
      progress.stop();
      await embedder.release();
    }
  },
});
