import { symmetricEigen } from "../../src/identity/symmetric-eigen.js";
import { f32, type Tensor } from "../../src/tensor/tensor.js";
import { multiply, transposeOf } from "./matrices.js";
import type { Products } from "./products.js";

/** Share of the mean variance that is added to each, since some directions are measured badly. */
const shrinkage = 0.01;

/**
 * The directions in which predictions vary most against their errors, the best first. Along them errors are uncorrelated and have
 * variance 1, so that a squared distance counts as much as it is unlikely to be chance.
 * Source: Fisher 1936's linear discriminant, with predictions in place of the means of classes.
 * @param predicted [n, m], of mean 0
 * @param errors    [n, m]
 * @returns         [count, m]
 */
export async function discriminantDirections(
  products: Products,
  predicted: Tensor<"f32">,
  errors: Tensor<"f32">,
  count: number,
): Promise<Tensor<"f32">> {
  const width = errors.shape[1] as number;
  const within = symmetricEigen(await covariance(products, errors), width);
  const mean = within.values.reduce((sum, value) => sum + value, 0) / width;
  const whitening = within.vectors.map(
    (value, i) => value / Math.sqrt(within.values[Math.floor(i / width)]! + shrinkage * mean),
  );
  const between = await covariance(products, predicted);
  const half = multiply(whitening, between, width, width, width);
  const { vectors } = symmetricEigen(multiply(half, transposeOf(whitening, width), width, width, width), width);
  const best = vectors.subarray(0, count * width);
  return f32([count, width], Float32Array.from(multiply(best, whitening, count, width, width)));
}

async function covariance(products: Products, rows: Tensor<"f32">): Promise<Float64Array> {
  const { data } = await products.ofTransposed(rows, rows);
  return Float64Array.from(data, (value) => value / (rows.shape[0] as number));
}
