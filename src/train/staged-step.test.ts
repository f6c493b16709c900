import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stopGradient } from "../graph/gradients/index.js";
import { add, gather, matmul, mul, reduceMean, reduceSum, sub, tanh } from "../graph/operators/index.js";
import { floats, input } from "../graph/value.js";
import { TorchGenerator } from "../tensor/random.js";
import { f32, type Tensor, tensor } from "../tensor/tensor.js";
import { StagedStep } from "./staged-step.js";
import { stageGraphs } from "./stages.js";
import { FileStore, MemoryStore, type VectorLengths } from "./state-store.js";
import { type OptimizationStep, TrainStep } from "./step.js";

const folder = mkdtempSync(join(tmpdir(), "arc2face-staged-"));
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * A table, then five layers: the middle one's weight is used twice, the input comes back near the end, a vector of
 * decay 0 and rate 3 is used in each, one number is reported from the middle, and what the last is compared with comes from
 * the same weights without a gradient.
 */
function network() {
  const tokens = input("tokens", "i64", [3]);
  const scale = input("scale", "f32", [3, 1]);
  const table = input("table", "f32", [7, 5]);
  const weights = [0, 1, 2, 3].map((i) => input(`layers.${i}`, "f32", [5, 5]));
  const bias = input("bias", "f32", [5]);
  const x = mul(gather(table, tokens), scale);
  const half = floats(0.5);
  let h = x;
  let middle = x;
  for (const i of [0, 1, 1, 2, 3]) {
    h = tanh(add(matmul(h, weights[i] as never), bias));
    if (i === 2) middle = h = add(h, mul(x, half));
  }
  const target = tanh(matmul(tanh(matmul(x, weights[3] as never)), weights[0] as never));
  const error = sub(h, add(stopGradient(target), floats([1, 0, -1, 0.5, 0])));
  const parameters = [table, ...weights].map((value) => ({ value, weightDecay: 0.1 }));
  return {
    objective: {
      inputs: [tokens, scale],
      loss: reduceMean(mul(error, error)),
      metrics: { middle: reduceSum(middle) },
    },
    parameters: [...parameters, { value: bias, rateScale: 3 }],
  };
}

const stageBytes = 600;
const optimizer = { betas: [0.9, 0.95], epsilon: 1e-3, clipNorm: 0.2 } as const;
const stores = {
  memory: async (lengths: VectorLengths) => new MemoryStore(lengths),
  disk: (lengths: VectorLengths) => FileStore.open(join(folder, "new/state"), lengths),
};

async function load(
  kind: "one graph" | keyof typeof stores,
  accumulate: number,
  saved?: Map<string, Tensor>,
): Promise<OptimizationStep> {
  const { objective, parameters } = network();
  const rng = new TorchGenerator(3);
  const drawn = new Map(parameters.map(({ value }) => [value.name, rng.randn(value.shape as number[])]));
  const initial = async (name: string) => (saved ?? drawn).get(name);
  const options = { optimizer, ema: true, accumulate, device: "cpu" } as const;
  return kind === "one graph"
    ? TrainStep.load(objective, parameters, initial, options)
    : StagedStep.load(objective, parameters, initial, { ...options, stageBytes, openStore: stores[kind] });
}

const batch = (seed: number): Record<string, Tensor> => ({
  tokens: tensor("i64", [3], BigInt64Array.of(BigInt(seed % 7), 2n, 2n)),
  scale: f32([3, 1], [0.5 + seed / 10, 1, -1]),
});

async function train(step: OptimizationStep, accumulate: number, from = 0, to = 3) {
  const results = [];
  for (let i = from; i < to; i++) {
    const batches = Array.from({ length: accumulate }, (_, k) => batch(i * accumulate + k));
    results.push(await step.run(batches, { update: i + 1, learningRate: 0.05, emaDecay: 0.5 }));
  }
  const read = await step.reader();
  const state = new Map<string, Tensor<"f32">>();
  for (const { name } of step.entries) state.set(name, await read(name));
  return { results, state };
}

/** Sums are in another order. Moments, unlike weights, are as small as what is left of gradients that cancel out. */
const toleranceOf = (name: string) => (name.startsWith("moment") ? 1e-5 : 1e-6);

function expectNear(found: ReadonlyMap<string, Tensor<"f32">>, expected: ReadonlyMap<string, Tensor<"f32">>) {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { shape, data }] of expected) {
    expect(found.get(name)?.shape, name).toEqual(shape);
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const [i, value] of data.entries()) {
      expect(Math.abs((found.get(name)?.data[i] ?? Number.NaN) - value), name).toBeLessThan(
        toleranceOf(name) * largest,
      );
    }
  }
}

describe.each([1, 2])("a step in stages, %i batches", (accumulate) => {
  it("computes what a step in one graph does", async () => {
    const whole = await load("one graph", accumulate);
    const staged = await load("memory", accumulate);
    const expected = await train(whole, accumulate);
    const found = await train(staged, accumulate);
    expectNear(found.state, expected.state);
    for (const [i, result] of expected.results.entries()) {
      expect(found.results[i]?.loss).toBeCloseTo(result.loss, 5);
      expect(found.results[i]?.gradientNorm).toBeCloseTo(result.gradientNorm, 5);
      expect(found.results[i]?.metrics.middle).toBeCloseTo(result.metrics.middle as number, 5);
    }
    expect(expected.results[0]?.gradientNorm).toBeGreaterThan(optimizer.clipNorm);
    expect(staged.runMs).toBeGreaterThan(0);
    await whole.release();
    await staged.release();
  });
});

it("goes on from a saved state to the same bits, from disk as from memory", async () => {
  const one = await load("memory", 1);
  const expected = await train(one, 1);
  await one.release();
  const first = await load("disk", 1);
  const { state } = await train(first, 1, 0, 1);
  expect(existsSync(join(folder, "new/state"))).toBe(true);
  await first.release();
  expect(existsSync(join(folder, "new/state"))).toBe(false);
  const second = await load("disk", 1, state);
  expect((await train(second, 1, 1)).state).toEqual(expected.state);
  await second.release();
});

it("leaves frozen parts at the beginning without a backward graph", () => {
  const { objective, parameters } = network();
  const last = parameters.filter(({ value }) => value.name === "layers.3").map(({ value }) => value);
  const frozen = stageGraphs(objective, last, stageBytes);
  const trained = stageGraphs(
    objective,
    parameters.map(({ value }) => value),
    stageBytes,
  );
  expect(trained.length).toBeGreaterThan(3);
  expect(trained.every(({ backward }) => backward)).toBe(true);
  expect(frozen.length).toBeGreaterThan(1);
  expect(frozen[0]?.backward).toBeUndefined();
  expect(Object.keys(frozen.at(-1)?.backward?.outputs ?? {})).toContain("loss");
  expect(frozen.at(-1)?.forward).toBeUndefined();
});
