import { Dataset } from "../data/dataset.js";
import { thresholdOf } from "../evaluation/judges.js";
import { type LoadedJudges, loadJudges } from "../evaluation/load-judges.js";
import {
  evaluateReconstruction,
  type Reconstruction,
  reconstructionSheet,
  summariseReconstruction,
} from "../evaluation/reconstruction.js";
import { encodePng } from "../image/encode.js";
import { openAutoencoder } from "../pipeline/model-folder.js";
import { recogniserSource } from "../pipeline/recogniser-source.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { cannotWrite } from "./cannot-write.js";
import { command, flag, optional, required, withDefault } from "./command.js";
import { printJson } from "./context.js";
import { detectorOptions, showLicences } from "./face-options.js";
import { formatReconstruction } from "./identity-report.js";
import { Progress } from "./progress.js";
import { text, wholeNumber } from "./read-options.js";

export const evaluateAutoencoderCommand = command({
  name: "autoencoder",
  summary: "measure what an autoencoder leaves of the people in a dataset",
  args: [["<dataset>", "folder of a prepared dataset; need not hold latents"]],
  options: {
    autoencoder: required("--autoencoder <folder>", "model folder whose vae/ is measured", text),
    limit: withDefault("--limit <images>", "most images, taken evenly from all", wholeNumber(1), 100),
    recogniser: optional("--recogniser <source>", "default: the one that embedded the dataset", text),
    ...detectorOptions,
    sheet: optional("--sheet <file>", "also write a PNG of pairs: an image, and what is left of it", text),
    json: flag(
      "--json",
      "print {images, psnr, meanSimilarity, shareAboveThreshold, shareFaceFound, " +
        "secondRecogniser: {name, meanSimilarity, shareAboveThreshold}}",
    ),
  },
  details: "Example: arc2face evaluate autoencoder faces128 --autoencoder weights/mini",
  async run(
    [folder = ""],
    { autoencoder: source, limit, recogniser, detector, device, threads, sheet, json },
    context,
  ) {
    const { signal } = context;
    const autoencoder = await openAutoencoder(source, cacheFolder());
    const dataset = await Dataset.open(folder);
    const progress = new Progress(context);
    let judges: LoadedJudges | undefined;
    try {
      const loading = { detector, device, threads, signal, onDownload: progress.showDownload };
      const chosen = recogniser ?? recogniserSource(dataset.index.embeddings.recogniser);
      judges = await loadJudges({ ...loading, recogniser: chosen });
      showLicences(judges.files, context);
      const onProgress = (done: number, total: number) =>
        progress.update({ label: "reconstructing", done, total, unit: "photos" });
      const options = { dataset, autoencoder, judges, limit, device, threads, signal, onProgress };
      const results = await evaluateReconstruction(options);
      const summary = summariseReconstruction(results, thresholdOf(judges.recogniser), thresholdOf(judges.second));
      progress.stop();
      if (sheet !== undefined) await writeSheet(sheet, results);
      if (json) printJson(context, summary);
      else context.stdout(`${formatReconstruction(summary)}\n${sheet === undefined ? "" : `${sheet}\n`}`);
    } finally {
      progress.stop();
      await dataset.close();
      if (!signal.aborted) await judges?.release();
    }
  },
});

async function writeSheet(path: string, results: readonly Reconstruction[]): Promise<void> {
  const png = await encodePng(await reconstructionSheet(results));
  await writeFileAtomic(path, png).catch((cause) => {
    throw cannotWrite(path, cause);
  });
}
