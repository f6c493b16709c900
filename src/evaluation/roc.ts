import { InputError } from "../errors.js";

/** What accepting all pairs of at least this similarity does. */
export interface RocPoint {
  /** Smallest similarity that is accepted. */
  threshold: number;
  /** Share of different pairs that are accepted (FAR, false match rate), 0 to 1. */
  far: number;
  /** Share of same pairs that are accepted (TAR, true match rate), 0 to 1. */
  tar: number;
}

/**
 * The receiver operating characteristic at every distinct similarity, from (0, 0) to (1, 1). Exact: no grid of
 * thresholds. Equals scikit-learn's `roc_curve` with `drop_intermediate=False`.
 * @param similarities one for each pair; larger means more alike
 * @param same whether each pair shows one person
 * @throws InputError if the lists differ in length, hold no same or no different pair, or a similarity is not finite
 */
export function rocCurve(similarities: ArrayLike<number>, same: readonly boolean[]): RocPoint[] {
  const samePairs = checkPairs(similarities, same);
  const differentPairs = same.length - samePairs;
  const order = Uint32Array.from(same.keys()).sort((i, j) => similarities[j]! - similarities[i]!);
  const curve: RocPoint[] = [{ threshold: Number.POSITIVE_INFINITY, far: 0, tar: 0 }];
  let accepted = 0;
  let trueAccepted = 0;
  for (const [rank, pair] of order.entries()) {
    accepted++;
    if (same[pair]) trueAccepted++;
    const threshold = similarities[pair]!;
    const next = order[rank + 1];
    if (next !== undefined && similarities[next] === threshold) continue; // equal ones are accepted together
    curve.push({ threshold, far: (accepted - trueAccepted) / differentPairs, tar: trueAccepted / samePairs });
  }
  return curve;
}

/** Area under the curve by trapezoids: the chance that a same pair is more alike than a different one. */
export function areaUnderCurve(curve: readonly RocPoint[]): number {
  let area = 0;
  for (let i = 1; i < curve.length; i++) {
    area += ((curve[i]!.far - curve[i - 1]!.far) * (curve[i]!.tar + curve[i - 1]!.tar)) / 2;
  }
  return area;
}

/**
 * The rate at which as many different pairs are accepted as same ones are refused, on the line between the two
 * thresholds where that changes sides.
 */
export function equalErrorRate(curve: readonly RocPoint[]): number {
  const i = curve.findIndex(({ far, tar }) => far >= 1 - tar);
  const [before, after] = [curve[i - 1]!, curve[i]!];
  const gapBefore = 1 - before.tar - before.far;
  const gapAfter = 1 - after.tar - after.far;
  const share = gapBefore / (gapBefore - gapAfter);
  return before.far + share * (after.far - before.far);
}

/**
 * The largest TAR of a threshold whose FAR is at most `far`. Not interpolated: the figure is that of a threshold which
 * exists, so it is never better than what can be had. With fewer than 1/far different pairs it is the TAR without any
 * false acceptance.
 */
export function tarAtFar(curve: readonly RocPoint[], far: number): number {
  return curve.reduce((best, point) => (point.far <= far ? Math.max(best, point.tar) : best), 0);
}

/** Checks the input of a protocol, and counts the same pairs. */
export function checkPairs(similarities: ArrayLike<number>, same: readonly boolean[]): number {
  if (similarities.length !== same.length) {
    throw new InputError(`${similarities.length} similarities do not fit ${same.length} pairs.`);
  }
  for (let i = 0; i < similarities.length; i++) {
    if (!Number.isFinite(similarities[i])) throw new InputError(`The similarity of pair ${i} is ${similarities[i]}.`);
  }
  const samePairs = same.filter(Boolean).length;
  if (samePairs === 0 || samePairs === same.length) {
    throw new InputError(
      "Verification needs pairs of the same person and pairs of different people; one kind is missing.",
    );
  }
  return samePairs;
}
