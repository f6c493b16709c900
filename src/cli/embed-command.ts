import { FaceEmbedder } from "../face/embed.js";
import { decodeImage } from "../image/decode.js";
import { writeNpy } from "../tensor/npy.js";
import { f32 } from "../tensor/tensor.js";
import { command, flag, optional } from "./command.js";
import { printJson } from "./context.js";
import { EmbeddingFolder } from "./embedding-folder.js";
import { embeddingJson } from "./face-json.js";
import { embedderOptions, showLicences } from "./face-options.js";
import { printMean } from "./mean-identity.js";
import { forEachPhoto, throwIfFailed } from "./photo-job.js";
import { listPhotos, type Photo } from "./photo-list.js";
import { Progress } from "./progress.js";
import { text } from "./read-options.js";

export const embed = command({
  name: "embed",
  summary: "embed the largest face of each photo, for generate and compare",
  args: [["<photo...>", "photos, or folders of photos"]],
  options: {
    out: optional(
      "--out <folder>",
      "write NAME.json for each photo instead of printing; photos that have one are skipped",
      text,
    ),
    npy: optional("--npy <file>", "also write all embeddings as one array [N, 512], in the order of the output", text),
    mean: flag("--mean", "print one embedding, the mean of all photos of one person, and which photos disagree"),
    ...embedderOptions,
  },
  details: `\
Prints {file, recogniser: {name, sha256}, embedding, norm, face}: the object for one photo, an array for several or a folder.
A photo that fails has {file, error} there. Exit status 2 if one failed; the others are done all the same.

Example: arc2face embed me.jpg > me.json`,
  async run(inputs, { out, npy, mean, ...options }, context) {
    const { signal } = context;
    const photos = await listPhotos(inputs);
    const progress = new Progress(context);
    const embedder = await FaceEmbedder.load({ ...options, signal, onDownload: progress.showDownload });
    try {
      showLicences(embedder.files, context);
      const folder = out === undefined ? undefined : new EmbeddingFolder(out, embedder.recogniser.id);
      const work = async (photo: Photo) => {
        const done = await folder?.read(photo);
        if (done) return done;
        const made = embeddingJson(photo.path, await embedder.embed(await decodeImage(photo.path), signal));
        await folder?.write(photo, made);
        return made;
      };
      const results = await forEachPhoto(photos, work, { label: "embedding", progress, signal });
      progress.stop();
      const made = results.flatMap((result) => ("value" in result ? [result.value] : []));
      if (npy !== undefined && made.length > 0) {
        const size = made[0]!.embedding.length;
        await writeNpy(npy, f32([made.length, size], Float32Array.from(made.flatMap(({ embedding }) => embedding))));
      }
      if (mean) printMean(made, embedder.recogniser.calibration, context);
      else if (folder) context.stdout(made.map(({ file }) => `${file}\n`).join(""));
      else {
        const reports = results.map((result) =>
          "value" in result ? result.value : { file: result.photo.path, error: result.error.message },
        );
        const isOne = photos.length === 1 && photos[0]!.path === inputs[0];
        if (!isOne) printJson(context, reports);
        else if (made[0]) printJson(context, made[0]);
      }
      throwIfFailed(results, context);
    } finally {
      progress.stop();
      await embedder.release();
    }
  },
});
