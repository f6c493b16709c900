import { InputError, ShapeError } from "../errors.js";
import type { Tensor } from "../tensor/tensor.js";
import { areaUnderCurve, checkPairs, equalErrorRate, type RocPoint, rocCurve, tarAtFar } from "./roc.js";

export interface VerificationResult {
  /** Number of pairs. */
  pairs: number;
  /** Mean accuracy of the folds, each at the threshold that is best for the others, 0 to 1. */
  accuracy: number;
  /** Standard deviation of the folds' accuracies (population, as numpy's `std`). */
  std: number;
  foldAccuracies: number[];
  /** Mean of the folds' thresholds, as a cosine. */
  threshold: number;
  /** Area under the ROC curve. */
  auc: number;
  /** Equal error rate. */
  eer: number;
  /** Share of same pairs accepted where at most 1 in 100, and 1 in 1000, different pairs are. */
  tarAtFar: { "1e-2": number; "1e-3": number };
  /** At every distinct similarity, over all pairs. */
  roc: RocPoint[];
}

/**
 * Face verification as on Labeled Faces in the Wild.
 *
 * Folds are runs of neighbouring pairs in the given order. For each, the threshold is the one that is most accurate on
 * all others; of several equally accurate, the strictest. Thresholds are those of insightface, squared distances of
 * unit vectors 0, 0.01, … 3.99, that is every 0.005 of the cosine, so that figures compare with published ones.
 * ROC, AUC, EER and TAR are exact, over all pairs.
 * Source: Huang 2007 (LFW, view 2); insightface `eval/verification.py`, `calculate_roc`.
 * @param cosines similarity of each pair, -1 to 1
 * @param same whether each pair shows one person
 * @throws InputError if the lists differ in length, hold only one kind of pair, or there are fewer pairs than folds
 */
export function evaluateVerification(
  cosines: ArrayLike<number>,
  same: readonly boolean[],
  { folds = 10 }: { folds?: number } = {},
): VerificationResult {
  checkPairs(cosines, same);
  const { accuracies, thresholds } = crossValidate(cosines, same, folds);
  const roc = rocCurve(cosines, same);
  const accuracy = mean(accuracies);
  return {
    pairs: same.length,
    accuracy,
    std: Math.sqrt(mean(accuracies.map((value) => (value - accuracy) ** 2))),
    foldAccuracies: accuracies,
    threshold: mean(thresholds),
    auc: areaUnderCurve(roc),
    eer: equalErrorRate(roc),
    tarAtFar: { "1e-2": tarAtFar(roc, 1e-2), "1e-3": tarAtFar(roc, 1e-3) },
    roc,
  };
}

/**
 * Cosine of each row of one tensor with the same row of another.
 * @param first  embeddings, float [N, D], of any length but zero
 * @param second the same
 * @throws ShapeError if the shapes differ
 * @throws InputError if an embedding is zero or not finite
 */
export function pairCosines(first: Tensor<"f32">, second: Tensor<"f32">): Float64Array {
  const [pairs = 0, size = 0] = first.shape;
  if (first.shape.length !== 2 || second.shape.length !== 2 || second.shape[0] !== pairs || second.shape[1] !== size) {
    throw new ShapeError(`pairCosines: [${first.shape}] and [${second.shape}] are not both [N, D]`);
  }
  return Float64Array.from({ length: pairs }, (_, pair) => {
    let dot = 0;
    let firstSquares = 0;
    let secondSquares = 0;
    for (let i = pair * size; i < (pair + 1) * size; i++) {
      dot += first.data[i]! * second.data[i]!;
      firstSquares += first.data[i]! ** 2;
      secondSquares += second.data[i]! ** 2;
    }
    const cosine = dot / Math.sqrt(firstSquares * secondSquares);
    if (!Number.isFinite(cosine)) throw new InputError(`An embedding of pair ${pair} is zero or not finite.`);
    return cosine;
  });
}

const gridSize = 400;
const gridStep = 0.01;

function crossValidate(
  cosines: ArrayLike<number>,
  same: readonly boolean[],
  folds: number,
): { accuracies: number[]; thresholds: number[] } {
  if (!Number.isInteger(folds) || folds < 2 || folds > same.length) {
    throw new InputError(`${folds} folds of ${same.length} pairs: give at least 2 folds, and a pair for each.`);
  }
  const correct = foldEnds(same.length, folds).map((end, fold, ends) =>
    countCorrect(cosines, same, ends[fold - 1] ?? 0, end),
  );
  const total = correct.reduce((sum, counts) => sum.map((count, i) => count + counts[i]!), new Float64Array(gridSize));
  const sizes = foldEnds(same.length, folds).map((end, fold, ends) => end - (ends[fold - 1] ?? 0));
  const best = correct.map((counts) => {
    const others = total.map((count, i) => count - counts[i]!);
    return others.indexOf(Math.max(...others));
  });
  return {
    accuracies: best.map((index, fold) => correct[fold]![index]! / sizes[fold]!),
    thresholds: best.map((index) => 1 - (index * gridStep) / 2),
  };
}

/** Ends of the folds; where they cannot be equal, the first ones are one pair longer (scikit-learn's `KFold`). */
function foldEnds(pairs: number, folds: number): number[] {
  const longer = pairs % folds;
  const length = Math.floor(pairs / folds);
  return Array.from({ length: folds }, (_, fold) => (fold + 1) * length + Math.min(fold + 1, longer));
}

/**
 * How many pairs from `start` to `end` each threshold of the grid judges rightly.
 * A pair is accepted at threshold i if its squared distance 2 − 2 cos is below 0.01 i.
 */
function countCorrect(cosines: ArrayLike<number>, same: readonly boolean[], start: number, end: number): Float64Array {
  // Change of the count from each threshold to the next; a pair changes sides where it is accepted first.
  const changes = new Float64Array(gridSize + 1);
  let refusedRightly = 0;
  for (let pair = start; pair < end; pair++) {
    if (!same[pair]) refusedRightly++;
    const distance = 2 - 2 * cosines[pair]!;
    let first = Math.min(gridSize, Math.max(0, Math.floor(distance / gridStep)));
    while (first < gridSize && !(distance < first * gridStep)) first++;
    changes[first]! += same[pair] ? 1 : -1;
  }
  let count = refusedRightly;
  return changes.subarray(0, gridSize).map((change) => {
    count += change;
    return count;
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
