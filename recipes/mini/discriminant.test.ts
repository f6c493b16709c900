import { expect, it } from "vitest";
import { TorchGenerator } from "../../src/tensor/random.js";
import { f32, type Tensor } from "../../src/tensor/tensor.js";
import { discriminantDirections } from "./discriminant.js";
import { Products } from "./products.js";

const [count, width] = [4000, 4] as const;

it("finds what is predicted best, and measures it by the errors", async () => {
  const rng = new TorchGenerator(3);
  // Predictions and errors of these deviations along orthogonal directions: the ratios are 0.5, 4, 1 and 2.
  const turn = [1, 1, 1, 1, 1, -1, 1, -1, 1, 1, -1, -1, 1, -1, -1, 1].map((value) => value / 2);
  const turned = (deviations: readonly number[]) => {
    const { data } = rng.randn([count, width]);
    return f32(
      [count, width],
      data.map((_, i) =>
        deviations.reduce(
          (sum, deviation, k) => sum + deviation * data[i - (i % width) + k]! * turn[k * width + (i % width)]!,
          0,
        ),
      ),
    );
  };
  const [predicted, errors] = [turned([2, 2, 1, 1]), turned([4, 0.5, 1, 0.5])];
  const products = await Products.load();
  try {
    const directions = await discriminantDirections(products, predicted, errors, 2);
    const along = (of: Tensor<"f32">) => products.withTransposed(of, directions);
    const moments = async (of: Tensor<"f32">) =>
      Array.from((await products.ofTransposed(await along(of), await along(of))).data, (value) => value / count);
    const [first, mixed, , second] = await moments(errors);
    // A little below 1, as the shrinkage of 0.01 of a mean variance of 4.4 takes.
    expect(first).toBeCloseTo(0.25 / (0.25 + 0.044), 1);
    expect(second).toBeCloseTo(0.25 / (0.25 + 0.044), 1);
    expect(mixed).toBeCloseTo(0, 1);
    for (const [row, k] of [
      [0, 1],
      [1, 3],
    ] as const) {
      const direction = directions.data.subarray(row * width, (row + 1) * width);
      const cosine =
        direction.reduce((sum, value, i) => sum + value * turn[k * width + i]!, 0) / Math.hypot(...direction);
      expect(Math.abs(cosine)).toBeGreaterThan(0.99);
    }
  } finally {
    await products.release();
  }
});
