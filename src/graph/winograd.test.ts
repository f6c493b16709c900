import { describe, expect, it } from "vitest";
import { Session } from "../runtime/session.js";
import { TorchGenerator } from "../tensor/random.js";
import type { Tensor } from "../tensor/tensor.js";
import { exportOnnx } from "./export.js";
import { conv } from "./operators/index.js";
import { constant, input } from "./value.js";
import { isWinogradQuicker, type Padding, winogradConvolution } from "./winograd.js";

describe("winogradConvolution", () => {
  it.each<[string, number[], number, Padding]>([
    ["whole tiles", [2, 3, 8, 12], 5, [1, 1, 1, 1]],
    ["the last tile cut off", [3, 2, 5, 7], 4, [1, 1, 1, 1]],
    ["a map smaller than a tile", [2, 3, 2, 3], 4, [1, 1, 1, 1]],
    ["uneven padding", [1, 2, 6, 9], 3, [0, 2, 1, 0]],
    ["no padding", [2, 1, 3, 6], 2, [0, 0, 0, 0]],
  ])("gives what Conv gives: %s", async (_, shape, outChannels, padding) => {
    const generator = new TorchGenerator(1);
    const weightShape = [outChannels, shape[1] as number, 3, 3];
    const x = input("x", "f32", shape);
    const weight = input("weight", "f32", weightShape);
    const outputs = {
      expected: conv(x, weight, undefined, { padding }),
      found: winogradConvolution(x, weight, padding),
    };
    const session = await Session.load(exportOnnx({ inputs: [x, weight], outputs }), { device: "cpu", threads: 1 });
    const { expected, found } = await session.run({ x: generator.randn(shape), weight: generator.randn(weightShape) });
    await session.release();
    expect(found?.shape).toEqual(expected?.shape);
    const [ours, direct] = [found, expected].map((tensor) => (tensor as Tensor<"f32">).data);
    const errors = Array.from(ours as Float32Array, (value, i) => Math.abs(value - (direct as Float32Array)[i]!));
    // Results reach 15, and the terms of a tile several times that; a wrong factor would show in the first digits.
    expect(Math.max(...errors)).toBeLessThan(5e-5);
  });
});

describe("winogradConvolution of a batch of any size", () => {
  it("gives the same as of a known one", async () => {
    const generator = new TorchGenerator(2);
    const weight = constant(generator.randn([5, 3, 3, 3]));
    const x = generator.randn([2, 3, 6, 9]);
    const results = [];
    for (const batch of [2, "batch"]) {
      const images = input("x", "f32", [batch, 3, 6, 9]);
      const y = winogradConvolution(images, weight, [1, 1, 1, 1]);
      expect(y.shape).toEqual([batch, 5, 6, 9]);
      const model = exportOnnx({ inputs: [images], outputs: { y } });
      const session = await Session.load(model, { device: "cpu", threads: 1 });
      results.push((await session.run({ x })).y);
      await session.release();
    }
    expect(results[1]).toEqual(results[0]);
  });
});

describe("isWinogradQuicker", () => {
  const quicker = (shape: (number | string)[], weight: number[]) =>
    isWinogradQuicker(input("x", "f32", shape), input("weight", "f32", weight), [1, 1, 1, 1]);

  it("chooses it for many channels, and not for few, which the transforms cost more than they save", () => {
    expect(quicker([32, 96, 16, 16], [96, 96, 3, 3])).toBe(true);
    expect(quicker([32, 224, 4, 4], [224, 224, 3, 3])).toBe(true);
    expect(quicker([32, 8, 16, 16], [96, 8, 3, 3])).toBe(false);
    expect(quicker([8, 64, 64, 64], [64, 64, 3, 3])).toBe(false);
  });

  it("leaves other kernels alone, and trained weights where the batch is unknown", () => {
    expect(quicker([32, 96, 16, 16], [96, 96, 1, 1])).toBe(false);
    expect(quicker(["batch", 96, 16, 16], [96, 96, 3, 3])).toBe(false);
  });

  it("chooses it for stored weights whatever the batch, unless their kernels would take much memory", () => {
    const stored = (channels: number) => {
      const shape = [channels, channels, 3, 3];
      const weight = constant({ dtype: "f32", shape, data: new Float32Array(channels ** 2 * 9) });
      return isWinogradQuicker(input("x", "f32", ["batch", channels, 16, 16]), weight, [1, 1, 1, 1]);
    };
    expect(stored(96)).toBe(true);
    expect(stored(8)).toBe(false);
    expect(stored(640)).toBe(false);
  });
});
