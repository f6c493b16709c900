import { randomInt } from "node:crypto";
import { join } from "node:path";
import { assertSameRecogniser } from "../face/identity.js";
import { resolveFolder } from "../hub/pull.js";
import { readIdentities } from "../identity/distribution.js";
import { sampleIdentities } from "../identity/sample-identities.js";
import { command, flag, withDefault } from "./command.js";
import { imageOptions } from "./generate-options.js";
import { makeImages } from "./image-job.js";
import { printImages } from "./image-report.js";
import { wholeNumber } from "./read-options.js";
import { writeEmbedding } from "./write-embedding.js";

export const sample = command({
  name: "sample",
  summary: "make people who do not exist: new identities, their embeddings and images",
  options: {
    count: withDefault("-n, --count <people>", "new identities", wholeNumber(1, 100_000), 9),
    images: withDefault("--images <number>", "images of each", wholeNumber(1, 10_000), 1),
    ...imageOptions,
    json: flag(
      "--json",
      "print what generate does, and embeddings: [file]; images come person by person, in the same order",
    ),
  },
  details: `\
People are drawn from the distribution of the training embeddings, as the model's folder has it. Each has a similarity below
0.3 to every training identity and to each other. --seed decides who they are, and is that of the images.
PERSON.json beside the images is that person's embedding: arc2face generate out/person-1-1.json makes more.`,
  async run(_, { count: people, images, json, ...options }, context) {
    const seed = options.seed ?? randomInt(2 ** 32 - images);
    const identities = await readIdentities(await resolveFolder(options.model, { signal: context.signal }));
    const embeddings = sampleIdentities(identities, people, seed);
    const digits = String(people).length;
    const names = embeddings.map((_, i) => `person-${seed}-${String(i + 1).padStart(digits, "0")}`);
    const files = names.map((name) => join(options.out, `${name}.json`));
    const report = await makeImages(
      { ...options, seed, count: images },
      async ({ model }) => {
        assertSameRecogniser(identities, model.recogniser);
        const faces = names.map((name) => ({ input: `${name}.json`, index: 0, name }));
        for (const [i, embedding] of embeddings.entries()) {
          await writeEmbedding(files[i]!, { recogniser: identities.recogniser, embedding: [...embedding] });
        }
        return { faces, embeddings };
      },
      context,
    );
    printImages(report, json, context, { embeddings: files });
  },
});
