import { Dataset } from "../data/dataset.js";
import { InputError } from "../errors.js";
import { assertSameRecogniser } from "../face/identity.js";
import type { RecogniserId } from "../face/recogniser.js";
import { fitDistribution, writeIdentities } from "../identity/distribution.js";
import { findNewIdentities } from "../identity/find-new.js";
import { PhotoPipeline } from "../pipeline/photo-pipeline.js";
import { command, flag, optional, repeated, required, withDefault } from "./command.js";
import { printJson } from "./context.js";
import { Progress } from "./progress.js";
import { number, text, wholeNumber } from "./read-options.js";

export const datasetIdentities = command({
  name: "identities",
  summary: "find new identities, for sample: draws from a dataset's embeddings that are nobody in it",
  args: [["<dataset...>", "folders of datasets; their embeddings' mean and covariance are drawn from"]],
  options: {
    out: required("--out <file>", "identities.safetensors of a model's folder", text),
    check: repeated("--check <dataset>", "also compare with these identities, without drawing from them", text),
    count: withDefault("-n, --count <people>", "how many to find", wholeNumber(1, 1_000_000), 1024),
    maxSimilarity: withDefault("--max-similarity <cosine>", "to every identity in the datasets", number(0.1, 1), 0.3),
    model: optional("--model <model>", "keep only people whom this model's image of them shows", text),
    leastLikeness: withDefault(
      "--least-likeness <cosine>",
      "with --model: least similarity of that image to the person",
      number(-1, 1),
      0.4,
    ),
    json: flag("--json", "print {found, draws, comparedWith, maxSimilarity}"),
  },
  details:
    "The file holds mean, covariance and the seeds of the draws: no embedding of anybody.\n" +
    "With --model, draws that it cannot show are left out: those that are like nobody lie far out, and their images\nmay be of nobody in particular.",
  async run(folders, { out, check, count, maxSimilarity, model, leastLikeness, json }, context) {
    const { signal } = context;
    const drawn = await readEmbeddings(folders);
    const compared = await readEmbeddings(check, drawn.recogniser);
    const distribution = fitDistribution(drawn.embeddings, drawn.recogniser!);
    const judge = model === undefined ? undefined : await PhotoPipeline.load(model, { signal });
    const progress = new Progress(context);
    try {
      if (judge) assertSameRecogniser(distribution, judge.model.recogniser);
      const training = [...drawn.embeddings, ...compared.embeddings];
      const onProgress = (found: number) =>
        progress.update({ label: "finding", done: found, total: count, unit: "faces" });
      const accepts = judge && ((face: Float32Array) => isShown(judge, face, leastLikeness, signal));
      const options = { count, maxSimilarity, accepts, signal, onProgress };
      const found = await findNewIdentities(distribution, training, options);
      await writeIdentities(out, found);
      progress.stop();
      const { draws, comparedWith } = found;
      if (json) printJson(context, { found: count, draws, comparedWith, maxSimilarity });
      else context.stdout(`${out}: ${count} of ${draws} draws are below ${maxSimilarity} to ${comparedWith} people\n`);
    } finally {
      progress.stop();
      await judge?.release();
    }
  },
});

/** Whether the model's image of a person, with seed 0, is that person to its recogniser. */
async function isShown(judge: PhotoPipeline, faceEmbedding: Float32Array, least: number, signal: AbortSignal) {
  let likeness = -1;
  for await (const { similarity } of judge.generate({ faceEmbedding, seed: 0, signal })) likeness = similarity ?? -1;
  return likeness >= least;
}

/** @throws InputError if the datasets' recognisers differ */
async function readEmbeddings(folders: readonly string[], expected?: RecogniserId) {
  const embeddings: Float32Array[] = [];
  let recogniser = expected;
  for (const folder of folders) {
    const dataset = await Dataset.open(folder);
    const own = dataset.index.embeddings.recogniser;
    if (recogniser && recogniser.sha256 !== own.sha256) throw new InputError(`${folder} is of another recogniser`);
    recogniser = own;
    for (let row = 0; row < dataset.count; row++) embeddings.push(await dataset.readEmbedding(row));
    await dataset.close();
  }
  return { embeddings, recogniser };
}
