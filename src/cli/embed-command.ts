import { FaceEmbedder } from "../face/embed.js";
import { decodeImage } from "../image/decode.js";
import { command, flag, optional } from "./command.js";
import { EmbeddingFolder } from "./embedding-folder.js";
import { printEmbeddings, printMean, printPaths, writeEmbeddings } from "./embedding-report.js";
import { embeddingJson } from "./face-json.js";
import { embedderOptions } from "./face-options.js";
import { throwIfFailed, valuesOf, workOnPhotos } from "./photo-job.js";
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
    const folder = out === undefined ? undefined : new EmbeddingFolder(out);
    const results = await workOnPhotos(
      inputs,
      {
        label: "embedding",
        load: (loading) => FaceEmbedder.load({ ...options, ...loading }),
        async work(photo, embedder) {
          const done = await folder?.read(photo, embedder.recogniser.id);
          if (done) return done;
          const made = embeddingJson(photo.path, await embedder.embed(await decodeImage(photo.path), context.signal));
          await folder?.write(photo, made);
          return made;
        },
      },
      context,
    );
    if (npy !== undefined) await writeEmbeddings(npy, valuesOf(results));
    if (mean) printMean(valuesOf(results), context);
    else if (folder) printPaths(results, folder, context);
    else printEmbeddings(results, inputs, context);
    throwIfFailed(results, context);
  },
});
