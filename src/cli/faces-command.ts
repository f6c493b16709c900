import { join } from "node:path";
import { drawFaces } from "../face/draw.js";
import { FaceFinder } from "../face/face-finder.js";
import { assessQuality } from "../face/quality.js";
import { alignArcFace } from "../image/arcface.js";
import { decodeImage } from "../image/decode.js";
import { command, flag, optional } from "./command.js";
import { printJson } from "./context.js";
import { faceJson } from "./face-json.js";
import { detectorOptions, showLicences } from "./face-options.js";
import { forEachPhoto, throwIfFailed } from "./photo-job.js";
import { listPhotos } from "./photo-list.js";
import { writePngFile } from "./png-file.js";
import { Progress } from "./progress.js";
import { text } from "./read-options.js";
import { formatTable } from "./table.js";

export const faces = command({
  name: "faces",
  summary: "find faces and their landmarks in photos",
  args: [["<photo...>", "photos, or folders of photos"]],
  options: {
    out: optional("--out <folder>", "also write each photo with its faces drawn, as NAME-faces.png", text),
    ...detectorOptions,
    json: flag(
      "--json",
      "print [{file, faces: [{box, score, landmarks, points5, quality}], error?}], largest face first",
    ),
  },
  details:
    "Exit status 2 if a photo cannot be read; the others are done all the same. A photo without faces is no failure.",
  async run(inputs, { out, json, ...options }, context) {
    const { signal } = context;
    const photos = await listPhotos(inputs);
    const progress = new Progress(context);
    const finder = await FaceFinder.load({ ...options, signal, onDownload: progress.showDownload });
    try {
      showLicences(finder.files, context);
      const work = async ({ path, stem }: { path: string; stem: string }) => {
        const image = await decodeImage(path);
        const found = await finder.find(image, signal);
        if (out !== undefined)
          await writePngFile(join(out, `${stem}-faces`), await drawFaces(image, found), { faces: path });
        return found.map((face) => faceJson(face, assessQuality({ crop: alignArcFace(image, face.points5), face })));
      };
      const results = await forEachPhoto(photos, work, { label: "looking", progress, signal });
      progress.stop();
      const reports = results.map((result) => ({
        file: result.photo.path,
        faces: "value" in result ? result.value : [],
        ...("error" in result ? { error: result.error.message } : {}),
      }));
      if (json) printJson(context, reports);
      else context.stdout(formatTable(["FILE", ">FACES", "BOX OF THE LARGEST", ">QUALITY", ""], reports.map(tableRow)));
      throwIfFailed(results, context);
    } finally {
      progress.stop();
      await finder.release();
    }
  },
});

function tableRow({ file, faces: [largest, ...others] }: { file: string; faces: ReturnType<typeof faceJson>[] }) {
  if (!largest) return [file, "0", "", "", ""];
  const { box, quality } = largest;
  return [
    file,
    String(others.length + 1),
    box.map(Math.round).join(" "),
    quality.score.toFixed(2),
    quality.reasons.join("; "),
  ];
}
