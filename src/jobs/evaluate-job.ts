import { evaluatePairs } from "../evaluation/recogniser-pairs.js";
import { defaultRecogniser } from "./embed-job.js";
import { type Job, jobPrefix } from "./job.js";
import type { JobReporter } from "./queue.js";
import type { Workshop } from "./runner.js";
import { readStored } from "./store.js";

/** Verification of a recogniser on pairs of photos in the store, as `evaluate verification` prints it. */
export async function runEvaluate(
  { id, input }: Job<"evaluate">,
  reporter: JobReporter,
  { embedders, store }: Workshop,
): Promise<void> {
  const key = `${jobPrefix(id)}verification.json`;
  const contentType = "application/json";
  if (!(await store.stat(key))) {
    const photos = new Map(
      input.pairs
        .flatMap(({ first, second }) => [first, second])
        .map((name) => [name, { name, read: () => readStored(store, name) }] as const),
    );
    const pairs = input.pairs.map(({ first, second, same }) => ({
      first: photos.get(first)!,
      second: photos.get(second)!,
      same,
    }));
    const result = await embedders.use(input.recogniser ?? defaultRecogniser, (embedder) =>
      evaluatePairs(pairs, embedder, {
        folds: input.folds,
        signal: reporter.signal,
        onProgress: (done, total) => reporter.progress({ unit: "photos", done, total }),
      }),
    );
    await store.write(key, Buffer.from(`${JSON.stringify(result)}\n`), contentType);
  }
  const { byteLength } = (await store.stat(key))!;
  await reporter.file({ key, contentType, byteLength });
}
