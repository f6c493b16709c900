import { readInsightFaceBin } from "../data/insightface-bin.js";
import { InputError } from "../errors.js";
import type { CropTemplate } from "../face/embed.js";
import { readLfwPairs, type VerificationPair } from "./lfw-pairs.js";
import type { PairPhoto } from "./recogniser-pairs.js";

/** Where pairs come from: LFW's list with a folder of photos, or an insightface `.bin`. */
export interface VerificationSource {
  /** LFW's `pairs.txt`. */
  readonly pairs?: string | undefined;
  readonly images?: string | undefined;
  readonly bin?: string | undefined;
}

export interface VerificationPairs {
  readonly pairs: readonly VerificationPair<PairPhoto>[];
  readonly folds: number;
  /** What the photos are cropped to, where the source says so. */
  readonly aligned: CropTemplate | undefined;
}

/** Where a set gives no folds. */
const usualFolds = 10;

/** @throws InputError if neither or both are named, or as {@link readLfwPairs} and {@link readInsightFaceBin} */
export async function readVerificationPairs({ pairs, images, bin }: VerificationSource): Promise<VerificationPairs> {
  if (bin !== undefined && pairs === undefined && images === undefined) {
    const set = await readInsightFaceBin(bin);
    const photos = set.images.map((bytes, i) => ({ name: `${bin}: image ${i}`, bytes }));
    const list = set.same.map((same, i) => ({ first: photos[2 * i]!, second: photos[2 * i + 1]!, same }));
    return { pairs: list, folds: usualFolds, aligned: "arcface" };
  }
  if (bin !== undefined || pairs === undefined || images === undefined) {
    throw new InputError("give --pairs and --images, or --bin");
  }
  const list = await readLfwPairs(pairs, images);
  // A list of one fold is LFW's view 1, which has no folds; ten make its figures comparable.
  return { pairs: list.pairs, folds: list.folds > 1 ? list.folds : usualFolds, aligned: undefined };
}
