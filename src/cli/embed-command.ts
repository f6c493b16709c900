import { FaceEmbedder } from "../face/embed.js";
import { decodeImage } from "../image/decode.js";
import { command, flag, optional } from "./command.js";
import { EmbeddingFolder } from "./embedding-folder.js";
import { printEmbeddings, printMean, writeEmbeddings } from "./embedding-report.js";
import { embeddingJson } from "./face-json.js";
import { embedderOptions, showLicences } from "./face-options.js";
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
      if (npy !== undefined) await writeEmbeddings(npy, made);
      if (mean) printMean(made, embedder.recogniser.calibration, context);
      else if (folder)
        context.stdout(results.map((result) => ("value" in result ? `${folder.pathOf(result.photo)}\n` : "")).join(""));
      else printEmbeddings(results, photos.length === 1 && photos[0]!.path === inputs[0], context);
      throwIfFailed(results, context);
    } finally {
      progress.stop();
      await embedder.release();
    }
  },
});
