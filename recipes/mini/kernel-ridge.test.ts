import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportOnnx } from "../../src/graph/export.js";
import { input } from "../../src/graph/value.js";
import { Session } from "../../src/runtime/session.js";
import { TorchGenerator } from "../../src/tensor/random.js";
import { f32, type Tensor } from "../../src/tensor/tensor.js";
import { fitKernelRidge, type KernelRidge } from "./kernel-ridge.js";
import { solveSymmetric } from "./matrices.js";
import { Products } from "./products.js";

const [people, size, outputs, rank] = [60, 6, 20, 3] as const;

/** Embeddings of length 1. */
function draw(rng: TorchGenerator, count: number): Tensor<"f32"> {
  const faces = rng.randn([count, size]);
  for (let n = 0; n < count; n++) {
    const row = faces.data.subarray(n * size, (n + 1) * size);
    const length = Math.hypot(...row);
    row.set(row.map((value) => value / length));
  }
  return faces;
}

const kernel = (a: Float32Array, b: Float32Array) => {
  const cosine = a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  return cosine + 4 * cosine ** 2;
};

describe("fitKernelRidge", () => {
  const rng = new TorchGenerator(1);
  const x = draw(rng, people);
  const others = draw(rng, 5);
  const row = (of: Tensor<"f32">, n: number) => of.data.subarray(n * size, (n + 1) * size);
  let y: Tensor<"f32">;
  let products: Products;
  let ridge: KernelRidge;
  let session: Session;

  beforeAll(async () => {
    // Three components, one of them quadratic, and a little noise.
    const up = rng.randn([rank, outputs]);
    const noise = rng.randn([people, outputs]);
    const values = Float32Array.from({ length: people * outputs }, (_, i) => {
      const [n, o] = [Math.floor(i / outputs), i % outputs];
      const [a, b, c] = row(x, n) as unknown as [number, number, number];
      return (
        3 * a * up.data[o]! +
        2 * b * up.data[outputs + o]! +
        4 * c * c * up.data[2 * outputs + o]! +
        0.001 * noise.data[i]!
      );
    });
    for (let o = 0; o < outputs; o++) {
      let mean = 0;
      for (let n = 0; n < people; n++) mean += values[n * outputs + o]! / people;
      for (let n = 0; n < people; n++) values[n * outputs + o]! -= mean;
    }
    y = f32([people, outputs], values);
    products = await Products.load();
    ridge = await fitKernelRidge(products, x, y, { rank, penalty: 3 });
    const faces = input("faces", "f32", ["batch", size]);
    session = await Session.load(exportOnnx({ inputs: [faces], outputs: { components: ridge.predict(faces) } }));
  });
  afterAll(() => Promise.all([products.release(), session.release()]));
  const predict = async (faces: Tensor<"f32">) => (await session.run({ faces })).components as Tensor<"f32">;

  it("predicts what the regression in closed form does", async () => {
    const gram = Float64Array.from({ length: people ** 2 }, (_, i) =>
      kernel(row(x, Math.floor(i / people)), row(x, i % people)),
    );
    const means = Array.from(
      { length: people },
      (_, i) => gram.subarray(i * people, (i + 1) * people).reduce((a, b) => a + b) / people,
    );
    const mean = means.reduce((a, b) => a + b) / people;
    const centred = gram.map((value, i) => value - means[Math.floor(i / people)]! - means[i % people]! + mean);
    let trace = 0;
    for (let i = 0; i < people; i++) trace += centred[i * (people + 1)]!;
    const penalized = centred.slice();
    for (let i = 0; i < people; i++) penalized[i * (people + 1)]! += (3 * trace) / people;
    const alpha = solveSymmetric(penalized, people, Float64Array.from(y.data), outputs);
    const found = await predict(others);
    for (let n = 0; n < 5; n++) {
      for (let o = 0; o < outputs; o++) {
        let expected = 0;
        for (let i = 0; i < people; i++)
          expected += (kernel(row(others, n), row(x, i)) - means[i]!) * alpha[i * outputs + o]!;
        let value = 0;
        for (let k = 0; k < rank; k++) value += found.data[n * rank + k]! * ridge.basis.data[k * outputs + o]!;
        expect(value).toBeCloseTo(expected, 2);
      }
    }
  });

  it("gives components of mean 0 and variance 1", async () => {
    const { data } = await predict(x);
    for (let k = 0; k < rank; k++) {
      const component = data.filter((_, i) => i % rank === k);
      expect(component.reduce((a, b) => a + b) / people).toBeCloseTo(0, 2);
      expect(component.reduce((sum, value) => sum + value ** 2, 0) / people).toBeCloseTo(1, 2);
    }
  });

  it("tells the quadratic part: what remains of a face and its opposite", async () => {
    const opposite = f32(
      others.shape,
      others.data.map((value) => -value),
    );
    const [found, turned] = [await predict(others), await predict(opposite)];
    const middle = await predict(f32([1, size], new Float32Array(size)));
    const length = (k: number) => Math.hypot(...ridge.basis.data.subarray(k * outputs, (k + 1) * outputs));
    let k = 0;
    for await (const form of ridge.quadraticForms()) {
      // Scaled by the deviation, which is the length of the basis.
      for (let n = 0; n < 5; n++) {
        const face = row(others, n);
        let value = 0;
        for (let i = 0; i < size; i++)
          for (let j = 0; j < size; j++) value += face[i]! * form[i * size + j]! * face[j]!;
        const even = (found.data[n * rank + k]! + turned.data[n * rank + k]!) / 2 - middle.data[k]!;
        expect(value).toBeCloseTo(even * length(k), 3);
      }
      k++;
    }
    expect(k).toBe(rank);
  });
});
