import { describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { TorchGenerator } from "../tensor/random.js";
import { explainedVariance, fitPrincipalComponents, truncateEmbedding } from "./principal-components.js";
import { symmetricEigen } from "./symmetric-eigen.js";

const rowsOf = (rows: readonly (readonly number[])[]) => ({
  count: rows.length,
  readEmbedding: async (row: number) => Float32Array.from(rows[row]!),
});

describe("eigenvalues", () => {
  test("of a matrix that can be worked out by hand", () => {
    // [[2, 1], [1, 2]]: 3 along (1, 1), 1 along (1, -1).
    const { values, vectors } = symmetricEigen(Float64Array.of(2, 1, 1, 2), 2);
    expect(values[0]).toBeCloseTo(3, 12);
    expect(values[1]).toBeCloseTo(1, 12);
    expect(Math.abs(vectors[0]! + vectors[1]!)).toBeCloseTo(Math.SQRT2, 12);
    expect(Math.abs(vectors[2]! - vectors[3]!)).toBeCloseTo(Math.SQRT2, 12);
  });

  test.each([1, 3, 40])("make up a random matrix of size %i again, with orthonormal vectors", (n) => {
    const random = new TorchGenerator(5).randn([n, n]).data;
    const matrix = Float64Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      return random[i * n + j]! + random[j * n + i]!;
    });
    const { values, vectors } = symmetricEigen(matrix, n);
    const dot = (a: number, b: number) =>
      Array.from({ length: n }, (_, k) => vectors[a * n + k]! * vectors[b * n + k]!).reduce((x, y) => x + y, 0);
    for (let i = 0; i < n; i++) {
      if (i > 0) expect(values[i]).toBeLessThanOrEqual(values[i - 1]!);
      for (let j = 0; j < n; j++) {
        expect(dot(i, j)).toBeCloseTo(i === j ? 1 : 0, 10);
        const sum = Array.from(values, (value, k) => value * vectors[k * n + i]! * vectors[k * n + j]!);
        expect(sum.reduce((x, y) => x + y, 0)).toBeCloseTo(matrix[i * n + j]!, 9);
      }
    }
  });

  test("of a matrix with many equal ones, and of zeros", () => {
    expect([...symmetricEigen(Float64Array.of(4, 0, 0, 0, 4, 0, 0, 0, 4), 3).values]).toEqual([4, 4, 4]);
    expect([...symmetricEigen(new Float64Array(9), 3).values]).toEqual([0, 0, 0]);
  });
});

describe("principal components", () => {
  // Around (1, 2, 3): 2 along the first axis, 1 along the third, nothing along the second.
  const rows = rowsOf([
    [3, 2, 3],
    [-1, 2, 3],
    [1, 2, 4],
    [1, 2, 2],
  ]);

  test("are the axes of the embeddings, with their variances", async () => {
    const { mean, axes, variances } = await fitPrincipalComponents(rows);
    expect([...mean]).toEqual([1, 2, 3]);
    expect([...variances]).toEqual([2, 0.5, 0].map((value) => expect.closeTo(value, 12)));
    expect([...axes.subarray(0, 6)].map(Math.abs)).toEqual(
      [1, 0, 0, 0, 0, 1].map((value) => expect.closeTo(value, 12)),
    );
    expect([...explainedVariance({ mean, axes, variances })]).toEqual([0.8, 1, 1].map((v) => expect.closeTo(v, 12)));
  });

  test("truncate to what they know, and all of them change nothing", async () => {
    const components = await fitPrincipalComponents(rows);
    const embedding = Float32Array.of(0.6, 0, 0.8);
    const whole = truncateEmbedding(components, embedding, 3);
    for (const [i, value] of embedding.entries()) expect(whole[i]).toBeCloseTo(value, 6);
    // The first axis keeps 0.6; the others become the mean's 2 and 3.
    const norm = Math.hypot(0.6, 2, 3);
    const one = truncateEmbedding(components, embedding, 1);
    expect([...one]).toEqual([0.6 / norm, 2 / norm, 3 / norm].map((value) => expect.closeTo(value, 6)));
  });

  test("refuse what they cannot do", async () => {
    await expect(fitPrincipalComponents(rowsOf([[1, 2]]))).rejects.toThrow(InputError);
    const components = await fitPrincipalComponents(rows);
    expect(() => truncateEmbedding(components, Float32Array.of(1, 0), 1)).toThrow(InputError);
    for (const count of [0, 4, 1.5]) {
      expect(() => truncateEmbedding(components, Float32Array.of(1, 0, 0), count)).toThrow("1 to 3");
    }
  });
});
