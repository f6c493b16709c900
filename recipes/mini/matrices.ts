/** Plain loops over small matrices, row by row, in double precision. */

import { symmetricEigen } from "../../src/identity/symmetric-eigen.js";
import { f32, type Tensor } from "../../src/tensor/tensor.js";

/** a b, for a [n, k] and b [k, m]. */
export function multiply(a: Float64Array, b: Float64Array, n: number, k: number, m: number): Float64Array {
  const product = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    const row = product.subarray(i * m, (i + 1) * m);
    for (let j = 0; j < k; j++) {
      const factor = a[i * k + j]!;
      for (let c = 0; c < m; c++) row[c]! += factor * b[j * m + c]!;
    }
  }
  return product;
}

/** x of a x = b, for a [n, n] symmetric and positive definite, and b [n, m]. */
export function solveSymmetric(a: Float64Array, n: number, b: Float64Array, m: number): Float64Array {
  const { values, vectors } = symmetricEigen(a, n);
  const turned = multiply(vectors, b, n, n, m).map((value, i) => value / values[Math.floor(i / m)]!);
  return multiply(transposeOf(vectors, n), turned, n, n, m);
}

/** Of a matrix with so many columns. */
export function transposeOf(matrix: ArrayLike<number>, columns: number): Float64Array {
  const n = matrix.length / columns;
  return Float64Array.from({ length: matrix.length }, (_, i) => matrix[(i % n) * columns + Math.floor(i / n)]!);
}

export function addTo(sum: Float64Array, values: Float32Array, weight: number): void {
  for (const [i, value] of values.entries()) sum[i]! += weight * value;
}

export function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

export function rows(vectors: readonly Float32Array[]): Tensor<"f32"> {
  const width = vectors[0]!.length;
  const result = new Float32Array(vectors.length * width);
  for (const [i, vector] of vectors.entries()) result.set(vector, i * width);
  return f32([vectors.length, width], result);
}
