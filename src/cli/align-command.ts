import { join } from "node:path";
import { largestFace } from "../face/embed.js";
import { FaceFinder } from "../face/face-finder.js";
import { alignArcFace } from "../image/arcface.js";
import { decodeImage } from "../image/decode.js";
import { alignFfhq } from "../image/ffhq.js";
import { command, flag, optional, withDefault } from "./command.js";
import { printJson } from "./context.js";
import { detectorOptions } from "./face-options.js";
import { photoReport, throwIfFailed, valuesOf, workOnPhotos } from "./photo-job.js";
import { writePngFile } from "./png-file.js";
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
    const results = await workOnPhotos(
      inputs,
      {
        label: "aligning",
        load: (loading) => FaceFinder.load({ ...options, ...loading }),
        async work({ path, stem }, finder) {
          const image = await decodeImage(path);
          const found = await finder.find(image, context.signal);
          const largest = largestFace(found);
          const write = async (face: typeof largest, index: number) => {
            const crop =
              ffhq === undefined ? alignArcFace(image, face.points5) : await alignFfhq(image, face.landmarks, ffhq);
            const path = join(out, all ? `${stem}-${index}` : stem);
            const record = { aligned: ffhq ? "ffhq" : "arcface", index };
            return writePngFile(path, crop, record, { isSynthetic: false });
          };
          return { crops: await Promise.all((all ? found : [largest]).map(write)) };
        },
      },
      context,
    );
    if (json)
      printJson(
        context,
        results.map((result) => photoReport(result, { crops: [] })),
      );
    else for (const { crops } of valuesOf(results)) context.stdout(crops.map((crop) => `${crop}\n`).join(""));
    throwIfFailed(results, context);
  },
});
