import { join } from "node:path";
import { largestFace } from "../face/embed.js";
import { FaceFinder } from "../face/face-finder.js";
import { alignArcFace } from "../image/arcface.js";
import { decodeImage } from "../image/decode.js";
import { alignFfhq } from "../image/ffhq.js";
import { command, flag, optional, withDefault } from "./command.js";
import { printJson } from "./context.js";
import { detectorOptions, showLicences } from "./face-options.js";
import { forEachPhoto, throwIfFailed } from "./photo-job.js";
import { listPhotos } from "./photo-list.js";
import { writePngFile } from "./png-file.js";
import { Progress } from "./progress.js";
import { text, wholeNumber } from "./read-options.js";

export const align = command({
  name: "align",
  summary: "crop the largest face of each photo: 112x112 for recognisers, or as in FFHQ",
  args: [["<photo...>", "photos, or folders of photos"]],
  options: {
    out: withDefault("--out <folder>", "where the crops go, as NAME.png", text, "."),
    ffhq: optional("--ffhq <pixels>", "crop as in FFHQ, to this size, instead", wholeNumber(8, 4096)),
    all: flag("--all", "crop every face: NAME-0.png is the largest, NAME-1.png the next"),
    ...detectorOptions,
    json: flag("--json", "print [{file, crops: [path], error?}]"),
  },
  details: "Exit status 2 if a photo cannot be read or shows no face; the others are done all the same.",
  async run(inputs, { out, ffhq, all, json, ...options }, context) {
    const { signal } = context;
    const photos = await listPhotos(inputs);
    const progress = new Progress(context);
    const finder = await FaceFinder.load({ ...options, signal, onDownload: progress.showDownload });
    try {
      showLicences(finder.files, context);
      const work = async ({ path, stem }: { path: string; stem: string }) => {
        const image = await decodeImage(path);
        const found = await finder.find(image, signal);
        const largest = largestFace(found);
        const wanted = all ? found : [largest];
        return Promise.all(
          wanted.map(async (face, i) => {
            const crop =
              ffhq === undefined ? alignArcFace(image, face.points5) : await alignFfhq(image, face.landmarks, ffhq);
            return writePngFile(join(out, all ? `${stem}-${i}` : stem), crop, {
              aligned: ffhq ? "ffhq" : "arcface",
              index: i,
            });
          }),
        );
      };
      const results = await forEachPhoto(photos, work, { label: "aligning", progress, signal });
      progress.stop();
      const reports = results.map((result) => ({
        file: result.photo.path,
        crops: "value" in result ? result.value : [],
        ...("error" in result ? { error: result.error.message } : {}),
      }));
      if (json) printJson(context, reports);
      else context.stdout(reports.flatMap(({ crops }) => crops.map((crop) => `${crop}\n`)).join(""));
      throwIfFailed(results, context);
    } finally {
      progress.stop();
      await finder.release();
    }
  },
});
