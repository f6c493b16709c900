import { image } from "../image/image.js";
import { evaluateIdentity, type IdentityOptions } from "./identity.js";
import { writeIdentityPage } from "./identity-page.js";
import { writeIdentityTables } from "./identity-report.js";
import { facesOf, type IdentitySummary, summariseIdentity } from "./identity-summary.js";
import { thresholdOf } from "./judges.js";
import { findNearest } from "./nearest.js";
import { openTrainingSet, type TrainingSet } from "./training-set.js";

export interface MeasureIdentityOptions extends Omit<IdentityOptions, "onProgress"> {
  /** Folder of a prepared dataset, which images are compared with. */
  readonly training?: string | undefined;
  /** The cosine from which the first recogniser's photos show one person. Default: what was measured of it, if it was. */
  readonly threshold?: number | undefined;
  /** For the report. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly onProgress?: ((stage: "people" | "training", done: number, total: number) => void) | undefined;
}

export interface MeasuredIdentity {
  readonly summary: IdentitySummary;
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** The page first. */
  readonly files: readonly string[];
}

/**
 * The whole evaluation: images of people, judged; the nearest training images; tables, plots and a page in the folder.
 * @throws as {@link evaluateIdentity} and {@link openTrainingSet}
 */
export async function measureIdentity(options: MeasureIdentityOptions): Promise<MeasuredIdentity> {
  const { judges, training: folder, threshold, settings, out, signal, onProgress } = options;
  // A wrong folder is told before the work, not after.
  const training = folder === undefined ? undefined : await openTrainingSet(folder, judges.recogniser.id);
  try {
    const evaluation = await evaluateIdentity({
      ...options,
      onProgress: (done, total) => onProgress?.("people", done, total),
    });
    const faces = evaluation.identities.flatMap((identity) => facesOf(identity).map(({ first }) => first));
    const nearest =
      training && (await findNamed(faces, training, signal, (done, total) => onProgress?.("training", done, total)));
    const first = thresholdOf(judges.recogniser, threshold);
    const second = thresholdOf(judges.second);
    const summary = summariseIdentity(evaluation, first, second, nearest);
    const results = { evaluation, summary, first, second, nearest, settings };
    const readImage =
      training &&
      (async (row: number) => {
        const { sizePx } = training.dataset.index;
        return image(sizePx, sizePx, await training.dataset.readImage(row));
      });
    const tables = await writeIdentityTables(results, out);
    const page = await writeIdentityPage(results, out, readImage);
    return { summary, skipped: evaluation.skipped, files: [page, ...tables] };
  } finally {
    await training?.dataset.close();
  }
}

async function findNamed(
  faces: readonly Float32Array[],
  { dataset, names }: TrainingSet,
  signal: AbortSignal | undefined,
  onProgress: (done: number, total: number) => void,
) {
  const nearest = await findNearest(faces, dataset, { signal, onProgress });
  return nearest.map(({ row, similarity }) => ({ row, similarity, name: names[row] ?? String(row) }));
}
