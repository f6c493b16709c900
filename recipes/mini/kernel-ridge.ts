import { InputError } from "../../src/errors.js";
import { exportOnnx } from "../../src/graph/export.js";
import { add, matmul, mul, product, sub } from "../../src/graph/operators/index.js";
import { constant, input, type Value } from "../../src/graph/value.js";
import { symmetricEigen } from "../../src/identity/symmetric-eigen.js";
import { Session } from "../../src/runtime/session.js";
import { TorchGenerator } from "../../src/tensor/random.js";
import { f32, type Tensor } from "../../src/tensor/tensor.js";
import type { Products } from "./products.js";

/**
 * Weight of the squared cosine in the kernel s + 4 s². Weights of 1 and 4 predict
 * the latents of FFHQ people left out as well as exponential kernels do (8.9 and 8.6 % of the variance; linear: 7.5 %); with 4 the sex of
 * generated portraits comes out best (AUC 0.98; with 1 0.91, linear 0.70).
 */
const square = 4;
/** The conjugate gradients end when all that remains of a column is at most this share of it. */
const tolerance = 1e-3;
const [mostIterations, subspaceIterations, extraVectors] = [200, 6, 8];

/** Kernel ridge regression from embeddings to a few principal components of what it predicts. */
export interface KernelRidge {
  /** What embeddings [n, E] of unit norm are predicted to be: [n, rank]; mean 0 and variance 1 where it was fitted. */
  predict(embeddings: Value): Value;
  /** What the components stand for: [rank, outputs]. */
  readonly basis: Tensor<"f32">;
  /** The quadratic part of each component's prediction is e^T A e: symmetric [E, E], scaled as its share of the latents is. */
  quadraticForms(): AsyncGenerator<Float64Array>;
}

export interface KernelRidgeOptions {
  /** Principal components of the predictions. */
  readonly rank: number;
  /** Share of the kernel's mean diagonal. */
  readonly penalty: number;
}

/**
 * Fits it in the dual: (K + λ) α = Y with the centred kernel, by conjugate gradients for all columns at once.
 * @param x embeddings of unit norm, [n, E]
 * @param y what they are to predict, of mean 0: [n, outputs]
 * @throws InputError if the conjugate gradients do not converge
 */
export async function fitKernelRidge(
  products: Products,
  x: Tensor<"f32">,
  y: Tensor<"f32">,
  { rank, penalty }: KernelRidgeOptions,
): Promise<KernelRidge> {
  const [n = 0] = x.shape;
  const kernel = await gramOf(x);
  const means = centre(kernel.data, n);
  let trace = 0;
  for (let i = 0; i < n; i++) trace += kernel.data[i * n + i]!;
  const alpha = await solve(products, kernel, (penalty * trace) / n, y);
  const predicted = await products.of(kernel, alpha);
  const directions = await principalDirections(products, predicted, rank);
  const scores = await products.withTransposed(predicted, directions);
  const deviations = columnSums(scores, (value) => value * value).map((sum) => Math.sqrt(sum / n));
  const weights = await products.withTransposed(alpha, directions);
  for (let i = 0; i < weights.data.length; i++) weights.data[i]! /= deviations[i % rank]!;
  const atMean = columnSums(weights, (value, i) => value * means[Math.floor(i / rank)]!);
  return {
    predict(embeddings) {
      const scores = matmul(kernelOf(embeddings, constant(x)), constant(weights));
      return sub(scores, constant(f32([rank], Float32Array.from(atMean))));
    },
    basis: f32(
      directions.shape,
      directions.data.map((value, i) => value * deviations[Math.floor(i / directions.shape[1]!)]!),
    ),
    async *quadraticForms() {
      for (let k = 0; k < rank; k++) {
        const width = x.shape[1]!;
        const scale = square * deviations[k]!;
        const weighted = x.data.map((value, i) => value * scale * weights.data[Math.floor(i / width) * rank + k]!);
        yield Float64Array.from((await products.ofTransposed(x, f32(x.shape, weighted))).data);
      }
    },
  };
}

/** Of embeddings a [n, E] and b [m, E] of unit norm: [n, m]. */
function kernelOf(a: Value, b: Value): Value {
  const cosines = product(a, b, { transB: true });
  return mul(cosines, add(1, mul(square, cosines)));
}

async function gramOf(x: Tensor<"f32">): Promise<Tensor<"f32">> {
  const faces = input("faces", "f32", x.shape);
  const session = await Session.load(exportOnnx({ inputs: [faces], outputs: { gram: kernelOf(faces, faces) } }));
  try {
    return (await session.run({ faces: x })).gram as Tensor<"f32">;
  } finally {
    await session.release();
  }
}

/** Takes the means of rows and columns out of a symmetric matrix [n, n]. @returns those of the columns */
function centre(matrix: Float32Array, n: number): Float64Array {
  const means = Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += matrix[i * n + j]!;
    return sum / n;
  });
  const mean = means.reduce((sum, value) => sum + value, 0) / n;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) matrix[i * n + j]! += mean - means[i]! - means[j]!;
  }
  return means;
}

async function solve(products: Products, kernel: Tensor<"f32">, ridge: number, y: Tensor<"f32">) {
  const [, columns = 0] = y.shape;
  const alpha = f32(y.shape, new Float32Array(y.data.length));
  const rest = f32(y.shape, y.data.slice());
  const direction = f32(y.shape, y.data.slice());
  const dot = (a: Tensor<"f32">, b: Tensor<"f32">) => columnSums(a, (value, i) => value * b.data[i]!);
  const start = dot(rest, rest);
  let squares = start;
  for (let iteration = 0; iteration < mostIterations; iteration++) {
    if (squares.every((value, c) => value <= tolerance ** 2 * start[c]!)) return alpha;
    const image = await products.of(kernel, direction);
    for (let i = 0; i < image.data.length; i++) image.data[i]! += ridge * direction.data[i]!;
    const along = dot(direction, image);
    const step = squares.map((value, c) => (along[c]! > 0 ? value / along[c]! : 0));
    for (let i = 0; i < image.data.length; i++) {
      alpha.data[i]! += step[i % columns]! * direction.data[i]!;
      rest.data[i]! -= step[i % columns]! * image.data[i]!;
    }
    const next = dot(rest, rest);
    const turn = next.map((value, c) => (squares[c]! > 0 ? value / squares[c]! : 0));
    for (let i = 0; i < image.data.length; i++) {
      direction.data[i] = rest.data[i]! + turn[i % columns]! * direction.data[i]!;
    }
    squares = next;
  }
  throw new InputError(`the kernel ridge regression does not converge in ${mostIterations} iterations`);
}

/** The first right singular vectors of a matrix [n, m], as rows: [rank, m]. Source: Halko 2011, algorithm 4.4. */
async function principalDirections(products: Products, matrix: Tensor<"f32">, rank: number): Promise<Tensor<"f32">> {
  const columns = matrix.shape[1]!;
  const count = Math.min(rank + extraVectors, columns);
  let rows = new TorchGenerator(0).randn([count, columns]);
  for (let i = 0; i < subspaceIterations; i++) {
    orthonormalize(rows.data, columns);
    rows = await products.ofTransposed(await products.withTransposed(matrix, rows), matrix);
  }
  orthonormalize(rows.data, columns);
  const scores = await products.withTransposed(matrix, rows);
  const covariance = await products.ofTransposed(scores, scores);
  const { vectors } = symmetricEigen(Float64Array.from(covariance.data), count);
  return products.of(f32([rank, count], Float32Array.from(vectors.subarray(0, rank * count))), rows);
}

/** Gram & Schmidt, in place, of rows; each twice, since once leaves what rounding leaves. */
function orthonormalize(rows: Float32Array, width: number): void {
  for (let start = 0; start < rows.length; start += width) {
    const row = rows.subarray(start, start + width);
    for (let step = 0; step < 2 * start; step += width) {
      const before = step % start;
      const other = rows.subarray(before, before + width);
      const along = row.reduce((sum, value, i) => sum + value * other[i]!, 0);
      for (let i = 0; i < width; i++) row[i]! -= along * other[i]!;
    }
    const length = Math.hypot(...row);
    for (let i = 0; i < width; i++) row[i]! /= length;
  }
}

function columnSums({ shape: [, columns = 0], data }: Tensor<"f32">, term: (value: number, i: number) => number) {
  const sums = new Float64Array(columns);
  for (let i = 0; i < data.length; i++) sums[i % columns]! += term(data[i]!, i);
  return sums;
}
