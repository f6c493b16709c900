import { expect, test } from "vitest";
import { exportOnnx } from "../graph/export.js";
import { input } from "../graph/value.js";
import { RandomWeights, Weights } from "../graph/weights.js";
import { Session } from "../runtime/session.js";
import { TorchGenerator } from "../tensor/random.js";
import { conv2d } from "./layers.js";

const x = new TorchGenerator(1).randn([2, 32, 8, 8]);

/** A convolution with stored weights, for a batch of any size: its result, and whether the graph has a Conv. */
async function convolve(winograd: boolean) {
  const images = input("x", "f32", ["batch", 32, 8, 8]);
  const weights = new Weights(new RandomWeights(0), "conv", { winograd });
  // Below another name, as all networks ask for their layers.
  const y = conv2d(weights.at("inner"), images, { outChannels: 32, kernel: 3, padding: 1 });
  const model = exportOnnx({ inputs: [images], outputs: { y } });
  const session = await Session.load(() => model, { device: "cpu", threads: 1, compileCache: false });
  try {
    const result = (await session.run({ x })).y!;
    return { result, isDirect: Buffer.from(model.bytes).includes("Conv") };
  } finally {
    await session.release();
  }
}

test("a convolution with stored weights is computed by products where that is asked for, to the same values", async () => {
  const [direct, products] = [await convolve(false), await convolve(true)];
  expect([direct.isDirect, products.isDirect]).toEqual([true, false]);
  expect(products.result.shape).toEqual(direct.result.shape);
  const [a, b] = [direct.result.data as Float32Array, products.result.data as Float32Array];
  expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))).toBeLessThan(1e-5);
  expect(Math.max(...a.map(Math.abs))).toBeGreaterThan(1);
});
