import { InputError } from "../errors.js";
import { symmetricEigen } from "./symmetric-eigen.js";

/** The axes along which embeddings vary, the widest first. */
export interface PrincipalComponents {
  /** float64 [E] */
  readonly mean: Float64Array;
  /** Orthonormal rows, float64 [E, E]. */
  readonly axes: Float64Array;
  /** Of the embeddings along each axis, float64 [E]. */
  readonly variances: Float64Array;
}

/** Embeddings that are read one by one, such as a dataset's. */
export interface EmbeddingRows {
  readonly count: number;
  /** float32 [E] */
  readEmbedding(row: number): Promise<Float32Array>;
}

/** Rows that are summed up at a time: the event loop is never kept for long. */
const blockRows = 64;

/**
 * Principal component analysis, of the covariance of all rows.
 * Source: Arc2Face §4.4, "Principal Component Analysis".
 * @throws InputError if there are not more rows than numbers in each: further axes would be arbitrary
 */
export async function fitPrincipalComponents(
  rows: EmbeddingRows,
  { signal, onProgress }: { signal?: AbortSignal | undefined; onProgress?: (done: number, total: number) => void } = {},
): Promise<PrincipalComponents> {
  const size = (await rows.readEmbedding(0)).length;
  if (rows.count <= size) {
    throw new InputError(`${rows.count} faces do not show along which axes ${size} numbers vary; give more`);
  }
  const sum = new Float64Array(size);
  const products = new Float64Array(size * size);
  for (let start = 0; start < rows.count; start += blockRows) {
    signal?.throwIfAborted();
    const end = Math.min(rows.count, start + blockRows);
    for (let row = start; row < end; row++) addRow(await rows.readEmbedding(row), sum, products);
    onProgress?.(end, rows.count);
  }
  const mean = sum.map((value) => value / rows.count);
  const covariance = products.map((product, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    return product / rows.count - mean[i]! * mean[j]!;
  });
  const { values, vectors } = symmetricEigen(covariance, size);
  return { mean, axes: vectors, variances: values.map((value) => Math.max(0, value)) };
}

/** The lower triangle is enough. */
function addRow(embedding: Float32Array, sum: Float64Array, products: Float64Array): void {
  const size = embedding.length;
  for (let i = 0; i < size; i++) {
    const value = embedding[i]!;
    sum[i]! += value;
    for (let j = 0; j <= i; j++) products[i * size + j]! += value * embedding[j]!;
  }
}

/** Shares of the whole variance that the first 1, 2, … E components explain. Source: Arc2Face Fig. 9a. */
export function explainedVariance({ variances }: PrincipalComponents): Float64Array {
  const whole = variances.reduce((sum, value) => sum + value, 0);
  let explained = 0;
  return variances.map((value) => {
    explained += value;
    return explained / whole;
  });
}

/**
 * What the first components know of an embedding: projected onto them, back again, and brought to unit length.
 * Source: Arc2Face §4.4, Fig. 9b.
 * @param embedding float32 [E], unit norm
 * @param components how many, 1 to E
 * @throws InputError if there are not so many, or the embedding has another size
 */
export function truncateEmbedding(
  { mean, axes }: Pick<PrincipalComponents, "mean" | "axes">,
  embedding: Float32Array,
  components: number,
): Float32Array {
  const size = mean.length;
  if (embedding.length !== size) {
    throw new InputError(`The embedding has ${embedding.length} numbers, and the components are of ${size}.`);
  }
  if (!Number.isInteger(components) || components < 1 || components > size) {
    throw new InputError(`${components} components: give a whole number from 1 to ${size}.`);
  }
  const restored = Float64Array.from(mean);
  for (let c = 0; c < components; c++) {
    let along = 0;
    for (let i = 0; i < size; i++) along += axes[c * size + i]! * (embedding[i]! - mean[i]!);
    for (let i = 0; i < size; i++) restored[i]! += along * axes[c * size + i]!;
  }
  const norm = Math.hypot(...restored);
  return Float32Array.from(restored, (value) => value / norm);
}
