import { describe, expect, it } from "vitest";
import { expectZeroStart } from "../../test/support/zero-start.js";
import { exportOnnx } from "../graph/export.js";
import { gradients } from "../graph/gradients/index.js";
import { reduceSum } from "../graph/operators/index.js";
import { input } from "../graph/value.js";
import { InputWeights, Weights } from "../graph/weights.js";
import { Session } from "../runtime/session.js";
import { TorchGenerator } from "../tensor/random.js";
import type { Tensor } from "../tensor/tensor.js";
import { identityMap } from "./identity-map.js";

const config = { rank: 3, limit: 2.4, height: 4, width: 5 };
const [people, tokens, width, channels, timeWidth] = [2, 3, 6, 2, 7] as const;

function build() {
  const source = new InputWeights();
  const time = input("time", "f32", [people, timeWidth]);
  const conditioning = input("conditioning", "f32", [people, tokens, width]);
  const map = identityMap(new Weights(source), config, channels, time, conditioning);
  return { source, time, conditioning, map };
}

describe("identityMap", () => {
  it("is the mean token through two linear maps, with a longest vector between, weighted by the noise level", async () => {
    const { source, time, conditioning, map } = build();
    const rng = new TorchGenerator(3);
    const weights: Record<string, Tensor<"f32">> = Object.fromEntries(
      Array.from(source.parameters, ([name, { value }]) => [name, rng.randn(value.shape as number[])]),
    );
    expect(Object.keys(weights).sort()).toEqual([
      "down.bias",
      "down.weight",
      "up.bias",
      "up.weight",
      "weight.bias",
      "weight.weight",
    ]);
    const faces = rng.randn([people, tokens, width]);
    const times = rng.randn([people, timeWidth]);
    const inputs = [time, conditioning, ...Array.from(source.parameters.values(), ({ value }) => value)];
    const session = await Session.load(exportOnnx({ inputs, outputs: { map } }));
    const found = (await session.run({ time: times, conditioning: faces, ...weights })).map as Tensor<"f32">;
    await session.release();

    const at = (name: string) => weights[name]!.data;
    const affine = (name: string, x: readonly number[], outputs: number) =>
      Array.from({ length: outputs }, (_, o) =>
        x.reduce((sum, value, i) => sum + value * at(`${name}.weight`)[o * x.length + i]!, at(`${name}.bias`)[o]!),
      );
    const lengths: number[] = [];
    const plain = Array.from({ length: people }, (_, n) => {
      const mean = Array.from({ length: width }, (_, d) => {
        const values = Array.from({ length: tokens }, (_, s) => faces.data[(n * tokens + s) * width + d]!);
        return values.reduce((sum, value) => sum + value) / tokens;
      });
      const [share] = affine("weight", [...times.data.subarray(n * timeWidth, (n + 1) * timeWidth)], 1);
      const person = affine("down", mean, config.rank);
      lengths.push(Math.hypot(...person));
      const bounded = person.map((value) => value * Math.min(1, config.limit / Math.hypot(...person)));
      const picture = affine("up", bounded, channels * config.height * config.width);
      return picture.map((value) => value * share!);
    }).flat();
    // One of them is shortened, and one is not.
    expect(Math.min(...lengths)).toBeLessThan(config.limit);
    expect(Math.max(...lengths)).toBeGreaterThan(config.limit);
    expect(found.shape).toEqual([people, channels, config.height, config.width]);
    for (const [i, value] of plain.entries()) expect(found.data[i]).toBeCloseTo(value, 3);
  });

  it("has a gradient where it says nothing of a person", async () => {
    const { source, time, conditioning, map } = build();
    const parameters = Array.from(source.parameters.values(), ({ value }) => value);
    const [gradient] = gradients(reduceSum(map), [conditioning]);
    const session = await Session.load(
      exportOnnx({ inputs: [time, conditioning, ...parameters], outputs: { gradient: gradient! } }),
    );
    const rng = new TorchGenerator(4);
    const feeds: Record<string, Tensor> = {};
    for (const [name, { value }] of source.parameters) {
      const start = rng.randn(value.shape as number[]);
      if (name.startsWith("down")) start.data.fill(0);
      feeds[name] = start;
    }
    const given = { time: rng.randn([people, timeWidth]), conditioning: rng.randn([people, tokens, width]) };
    const found = (await session.run({ ...given, ...feeds })).gradient as Tensor<"f32">;
    await session.release();
    expect(found.data.every((value) => Number.isFinite(value))).toBe(true);
  });

  it("adds nothing before it is trained", () => {
    const { source } = build();
    expectZeroStart(source, ["up.weight", "up.bias"]);
  });
});
