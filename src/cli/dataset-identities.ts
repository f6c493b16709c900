import { Dataset } from "../data/dataset.js";
import { InputError } from "../errors.js";
import type { RecogniserId } from "../face/recogniser.js";
import { fitDistribution, writeIdentities } from "../identity/distribution.js";
import { findNewIdentities } from "../identity/find-new.js";
import { command, flag, repeated, required, withDefault } from "./command.js";
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
    json: flag("--json", "print {found, draws, comparedWith, maxSimilarity}"),
  },
  details: "The file holds mean, covariance and the seeds of the draws: no embedding of anybody.",
  async run(folders, { out, check, count, maxSimilarity, json }, context) {
    const { signal } = context;
    const drawn = await readEmbeddings(folders);
    const compared = await readEmbeddings(check, drawn.recogniser);
    const distribution = fitDistribution(drawn.embeddings, drawn.recogniser!);
    const progress = new Progress(context);
    try {
      const training = [...drawn.embeddings, ...compared.embeddings];
      const onProgress = (found: number) =>
        progress.update({ label: "finding", done: found, total: count, unit: "faces" });
      const found = await findNewIdentities(distribution, training, { count, maxSimilarity, signal, onProgress });
      await writeIdentities(out, found);
      progress.stop();
      const { draws, comparedWith } = found;
      if (json) printJson(context, { found: count, draws, comparedWith, maxSimilarity });
      else context.stdout(`${out}: ${count} of ${draws} draws are below ${maxSimilarity} to ${comparedWith} people\n`);
    } finally {
      progress.stop();
    }
  },
});

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
