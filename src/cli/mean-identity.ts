import { InputError } from "../errors.js";
import { meanIdentity } from "../face/identity.js";
import type { Calibration } from "../face/recogniser.js";
import { type Context, printJson } from "./context.js";
import type { EmbeddingJson } from "./face-json.js";

/**
 * Prints the mean identity of photos, and warns of those that seem to show someone else.
 * @throws InputError if there is no embedding, or nobody measured the recogniser's threshold
 */
export function printMean(
  made: readonly EmbeddingJson[],
  calibration: Calibration | undefined,
  context: Context,
): void {
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
