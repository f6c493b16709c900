import { cosine } from "../face/identity.js";
import type { Image } from "../image/image.js";

/** Figures over sets of embeddings and images. All embeddings have unit length; a mean of nothing is null. */

export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** How many of the values reach a threshold, as a share of `count`; null without a threshold. */
export function shareFrom(values: readonly number[], threshold: number | null, count: number): number | null {
  return threshold === null ? null : values.filter((value) => value >= threshold).length / count;
}

/** Value below which a share of the values lie, by linear interpolation (numpy's default). Null of none. */
export function quantile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (at - Math.floor(at)) * (high - low);
}

/**
 * Mean cosine of all pairs of vectors from different groups: (|Σ s|² − Σ |s|²) / (n² − Σ n²) with s the sum of a group and
 * n its size, which takes no time however many pairs there are.
 */
export function meanAcrossGroups(groups: readonly (readonly Float32Array[])[]): number | null {
  const size = groups.find((group) => group.length > 0)?.[0]?.length ?? 0;
  const total = new Float64Array(size);
  let [sameDots, count, samePairs] = [0, 0, 0];
  for (const group of groups) {
    const sum = new Float64Array(size);
    for (const vector of group) for (let i = 0; i < size; i++) sum[i]! += vector[i]!;
    for (let i = 0; i < size; i++) total[i]! += sum[i]!;
    sameDots += dot(sum, sum);
    count += group.length;
    samePairs += group.length ** 2;
  }
  const pairs = count ** 2 - samePairs;
  return pairs === 0 ? null : (dot(total, total) - sameDots) / pairs;
}

/** Mean over all pairs of a list; null of fewer than two. */
export function meanOverPairs<T>(items: readonly T[], measure: (a: T, b: T) => number): number | null {
  const values: number[] = [];
  for (const [i, a] of items.entries()) for (const b of items.slice(i + 1)) values.push(measure(a, b));
  return mean(values);
}

/** How far apart two embeddings point: 1 − cosine. */
export function embeddingDistance(a: Float32Array, b: Float32Array): number {
  return 1 - cosine(a, b);
}

/** Mean absolute difference of all channels of two images of one size, 0 to 1. */
export function pixelDistance(a: Image, b: Image): number {
  const sum = a.data.reduce((total, value, i) => total + Math.abs(value - b.data[i]!), 0);
  return sum / a.data.length / 255;
}

/** Peak signal-to-noise ratio of two images of one size, in dB; infinite if they are equal. */
export function psnr(a: Image, b: Image): number {
  const squares = a.data.reduce((sum, value, i) => sum + (value - b.data[i]!) ** 2, 0);
  return 10 * Math.log10((255 ** 2 * a.data.length) / squares);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}
