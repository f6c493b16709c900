import { InputError } from "../errors.js";
import { meanIdentity } from "../face/identity.js";
import { calibrationOf } from "../face/recogniser.js";
import { writeNpy } from "../tensor/npy.js";
import { f32 } from "../tensor/tensor.js";
import { type Context, printJson } from "./context.js";
import type { EmbeddingFolder } from "./embedding-folder.js";
import type { EmbeddingJson } from "./face-json.js";
import type { PhotoResult } from "./photo-job.js";

/**
 * Prints what became of photos: the object alone for one photo that was named itself, else an array.
 * @param inputs what was named
 */
export function printEmbeddings(
  results: readonly PhotoResult<EmbeddingJson>[],
  inputs: readonly string[],
  context: Context,
): void {
  const reports = results.map((result) =>
    "value" in result ? result.value : { file: result.photo.path, error: result.error.message },
  );
  const isOne = results.length === 1 && results[0]!.photo.path === inputs[0];
  if (!isOne) printJson(context, reports);
  else if ("embedding" in reports[0]!) printJson(context, reports[0]);
}

/** Prints where the embeddings lie. */
export function printPaths(
  results: readonly PhotoResult<EmbeddingJson>[],
  folder: EmbeddingFolder,
  context: Context,
): void {
  const paths = results.flatMap((result) => ("value" in result ? [folder.pathOf(result.photo)] : []));
  context.stdout(paths.map((path) => `${path}\n`).join(""));
}

/** Writes all embeddings as one array [N, E]; nothing if there is none. */
export async function writeEmbeddings(path: string, made: readonly EmbeddingJson[]): Promise<void> {
  const [first] = made;
  if (!first) return;
  const values = Float32Array.from(made.flatMap(({ embedding }) => embedding));
  await writeNpy(path, f32([made.length, first.embedding.length], values));
}

/**
 * Prints the mean identity of photos, if there are any, and warns of those that seem to show someone else.
 * @throws InputError if nobody measured the recogniser's threshold
 */
export function printMean(made: readonly EmbeddingJson[], context: Context): void {
  const [first] = made;
  if (!first) return;
  const calibration = calibrationOf(first.recogniser);
  if (!calibration) throw new InputError("--mean needs a recogniser whose threshold is known; use mobilefacenet");
  const embeddings = made.map((one) => ({ ...one, embedding: Float32Array.from(one.embedding) }));
  const mean = meanIdentity(embeddings, calibration.threshold);
  printJson(context, {
    files: made.map(({ file }, i) => ({ file, agreement: mean.agreement[i], outlier: mean.outliers.includes(i) })),
    recogniser: mean.recogniser,
    embedding: [...mean.embedding],
  });
  for (const i of mean.outliers) {
    context.stderr.write(
      `left out: ${made[i]!.file} seems to show someone else (cosine ${mean.agreement[i]!.toFixed(2)})\n`,
    );
  }
}
