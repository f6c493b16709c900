import type { RecogniserResult } from "../evaluation/recogniser-pairs.js";
import { type Context, printJson } from "./context.js";
import { formatFacts } from "./table.js";

/** Prints the figures of a verification, as facts or as JSON. */
export function printVerification(result: RecogniserResult, json: boolean, context: Context): void {
  const { roc: _, foldAccuracies: __, ...figures } = result;
  if (json) printJson(context, figures);
  else context.stdout(formatFacts(facts(result)));
}

function facts(result: RecogniserResult): [string, string][] {
  const { pairs, accuracy, std, auc, eer, tarAtFar, threshold, photos, withoutFace } = result;
  return [
    ["pairs", `${pairs} of ${photos} photos`],
    ["accuracy", `${percent(accuracy)} ± ${percent(std)}`],
    ["threshold", threshold.toFixed(3)],
    ["AUC", auc.toFixed(5)],
    ["EER", percent(eer)],
    ["TAR at FAR 1e-2", percent(tarAtFar["1e-2"])],
    ["TAR at FAR 1e-3", percent(tarAtFar["1e-3"])],
    ["photos without a face", String(withoutFace.length)],
  ];
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
