import { readInsightFaceBin } from "../data/insightface-bin.js";
import { InputError } from "../errors.js";
import { readLfwPairs } from "../evaluation/lfw-pairs.js";
import { evaluatePairs, type RecogniserResult } from "../evaluation/recogniser-pairs.js";
import { rocPlotSvg } from "../evaluation/roc-plot.js";
import { FaceEmbedder } from "../face/embed.js";
import { encodePng } from "../image/encode.js";
import { drawSvg } from "../image/svg.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { command, flag, optional } from "./command.js";
import { printJson } from "./context.js";
import { embedderOptions, showLicences } from "./face-options.js";
import { Progress } from "./progress.js";
import { text } from "./read-options.js";
import { formatTable } from "./table.js";

export const evaluateVerification = command({
  name: "verification",
  summary: "measure how well a recogniser tells people apart, as on LFW",
  options: {
    pairs: optional("--pairs <file>", "LFW's pairs.txt; with --images", text),
    images: optional("--images <folder>", "the photos: Name/Name_0001.jpg below it", text),
    bin: optional("--bin <file>", "an insightface .bin of aligned crops, instead", text),
    roc: optional("--roc <file>", "draw the ROC, as .svg or .png", text),
    ...embedderOptions,
    json: flag(
      "--json",
      "print {pairs, accuracy, std, auc, eer, tarAtFar: {1e-2, 1e-3}, threshold, photos, withoutFace}",
    ),
  },
  details: "Ten folds, each judged at the threshold that is best for the other nine. Tight crops: see --aligned.",
  async run(_, { pairs, images, bin, roc, json, ...options }, context) {
    const { signal } = context;
    if (roc !== undefined && !/\.(svg|png)$/i.test(roc)) throw new InputError(`--roc ${roc}: name a .svg or .png file`);
    const { list, folds, aligned } = await readPairs(pairs, images, bin);
    const progress = new Progress(context);
    const settings = { ...options, aligned: options.aligned ?? aligned, signal, onDownload: progress.showDownload };
    const embedder = await FaceEmbedder.load(settings);
    try {
      showLicences(embedder.files, context);
      const onProgress = (done: number, total: number) =>
        progress.update({ label: "embedding", done, total, unit: "photos" });
      const result = await evaluatePairs(list, embedder, { folds, signal, onProgress });
      progress.stop();
      if (roc !== undefined) {
        const label = `${embedder.recogniser.id.name}: accuracy ${percent(result.accuracy)}`;
        const svg = rocPlotSvg([{ label, roc: result.roc }]);
        await writeFileAtomic(roc, /\.svg$/i.test(roc) ? svg : await encodePng(await drawSvg(svg, { scale: 2 })));
      }
      if (json) printJson(context, report(result));
      else context.stdout(formatTable(["", ""], tableRows(result)));
    } finally {
      progress.stop();
      await embedder.release();
    }
  },
});

async function readPairs(pairs: string | undefined, images: string | undefined, bin: string | undefined) {
  if (bin !== undefined && pairs === undefined && images === undefined) {
    const set = await readInsightFaceBin(bin);
    const photos = set.images.map((bytes, i) => ({ name: `${bin}: image ${i}`, bytes }));
    const list = set.same.map((same, i) => ({ first: photos[2 * i]!, second: photos[2 * i + 1]!, same }));
    return { list, folds: 10, aligned: "arcface" } as const;
  }
  if (bin !== undefined || pairs === undefined || images === undefined) {
    throw new InputError("give --pairs and --images, or --bin");
  }
  const { folds, pairs: list } = await readLfwPairs(pairs, images);
  // A list of one fold is LFW's view 1, which has no folds; ten make its figures comparable.
  return { list, folds: folds > 1 ? folds : 10, aligned: undefined };
}

function report({ pairs, accuracy, std, auc, eer, tarAtFar, threshold, photos, withoutFace }: RecogniserResult) {
  return { pairs, accuracy, std, auc, eer, tarAtFar, threshold, photos, withoutFace };
}

function tableRows({ pairs, accuracy, std, auc, eer, tarAtFar, threshold, photos, withoutFace }: RecogniserResult) {
  return [
    ["pairs", `${pairs} of ${photos} photos`],
    ["accuracy", `${percent(accuracy)} ± ${percent(std)}`],
    ["threshold", threshold.toFixed(3)],
    ["AUC", auc.toFixed(5)],
    ["EER", percent(eer)],
    ["TAR at FAR 1e-2", percent(tarAtFar["1e-2"])],
    ["TAR at FAR 1e-3", percent(tarAtFar["1e-3"])],
    ["photos without a face", String(withoutFace.length)],
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
