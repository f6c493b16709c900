import { join } from "node:path";
import { InputError } from "../errors.js";
import { interpolateIdentities } from "../identity/interpolate.js";
import { unitEmbedding } from "../pipeline/request.js";
import { command, flag, withDefault } from "./command.js";
import { embedForModel } from "./face-embeddings.js";
import { readFaces } from "./faces.js";
import { givenFaceOptions, imageOptions } from "./generate-options.js";
import { makeImages } from "./image-job.js";
import { printImages } from "./image-report.js";
import { wholeNumber } from "./read-options.js";
import { writeEmbedding } from "./write-embedding.js";

/** More frames go into a second row. */
const longestRow = 16;

export const interpolate = command({
  name: "interpolate",
  summary: "make the images between two people",
  args: [
    ["<a>", "photo, or JSON or .npy file with one face embedding"],
    ["<b>", "another"],
  ],
  options: {
    frames: withDefault("--frames <number>", "images, both ends included", wholeNumber(2, 10_000), 8),
    ...givenFaceOptions,
    ...imageOptions,
    json: flag("--json", "print what generate does, and embeddings: file with those of all frames, in order"),
  },
  details: `\
Frames are equal steps on the great circle between the two embeddings. All have one seed, so only the identity changes.
The similarity of each is that to its own embedding, on the way from one to the other.`,
  async run(paths, { frames, face, force, json, ...options }, context) {
    const { inputs, faces: ends } = await readFaces(paths, context);
    const name = ends.map((end) => end.name).join("-");
    const file = join(options.out, `${name}.json`);
    const report = await makeImages(
      { ...options, count: 1, columns: Math.min(frames, longestRow) },
      async (pipeline) => {
        const found = await embedForModel(inputs, pipeline, { face, force }, context);
        if (found.length !== 2) throw new InputError(`${paths.join(" and ")} hold ${found.length} faces; give two`);
        const [from, to] = found.map(({ embedding }) => unitEmbedding(embedding, pipeline.model.embeddingSize));
        const embeddings = interpolateIdentities(from!, to!, frames);
        const recogniser = found[0]!.recogniser ?? pipeline.model.recogniser;
        await writeEmbedding(
          file,
          embeddings.map((embedding) => ({ ...(recogniser ? { recogniser } : {}), embedding: [...embedding] })),
        );
        const digits = String(frames).length;
        const faces = embeddings.map((_, index) => {
          return { input: `${name}.json`, index, name: `${name}-${String(index + 1).padStart(digits, "0")}` };
        });
        return { faces, embeddings };
      },
      context,
    );
    printImages(report, json, context, { embeddings: file });
  },
});
