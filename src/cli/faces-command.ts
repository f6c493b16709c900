import { join } from "node:path";
import { drawFaces } from "../face/draw.js";
import { type Face, FaceFinder } from "../face/face-finder.js";
import { assessQuality } from "../face/quality.js";
import { alignArcFace } from "../image/arcface.js";
import { decodeImage } from "../image/decode.js";
import { command, flag, optional } from "./command.js";
import { faceJson } from "./face-json.js";
import { detectorOptions } from "./face-options.js";
import { printFaces } from "./faces-report.js";
import { throwIfFailed, workOnPhotos } from "./photo-job.js";
import { writePngFile } from "./png-file.js";
import { text } from "./read-options.js";

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
    const results = await workOnPhotos(
      inputs,
      {
        label: "looking",
        load: (loading) => FaceFinder.load({ ...options, ...loading }),
        async work({ path, stem }, finder) {
          const image = await decodeImage(path);
          const found = await finder.find(image, context.signal);
          if (out !== undefined) {
            const drawn = await drawFaces(image, found);
            await writePngFile(join(out, `${stem}-faces`), drawn, { faces: path }, { isSynthetic: false });
          }
          const judge = (face: Face) => assessQuality({ crop: alignArcFace(image, face.points5), face });
          return { faces: found.map((face) => faceJson(face, judge(face))) };
        },
      },
      context,
    );
    printFaces(results, json, context);
    throwIfFailed(results, context);
  },
});
