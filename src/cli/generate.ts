import { command } from "./command.js";
import { embedForModel, embedMean } from "./face-embeddings.js";
import { readFaces } from "./faces.js";
import { generateDetails, generateOptions } from "./generate-options.js";
import { makeImages } from "./image-job.js";
import { printImages } from "./image-report.js";

export const generate = command({
  name: "generate",
  summary: "make images of a person from a photo or a face embedding",
  args: [["<face...>", "photos, and JSON or .npy files with one face embedding or several; - is standard input"]],
  options: generateOptions,
  details: generateDetails,
  async run(paths, { mean, face, force, json, ...options }, context) {
    const { inputs, faces } = await readFaces(paths, context);
    const report = await makeImages(
      options,
      async (pipeline) => {
        const found = await embedForModel(inputs, pipeline, { face, force }, context);
        if (!mean) return { faces, embeddings: found.map(({ embedding }) => embedding), words: { face } };
        const names = faces.map(({ input }) => input);
        const words = { face, mean: [...new Set(names)] };
        return { faces: faces.slice(0, 1), embeddings: [await embedMean(found, names, pipeline, context)], words };
      },
      context,
    );
    printImages(report, json, context);
  },
});
