import { beforeAll, expect, it } from "vitest";
import { mul, reduceMean, sub } from "../../src/graph/operators/index.js";
import { input } from "../../src/graph/value.js";
import { InputWeights, Weights } from "../../src/graph/weights.js";
import { unet } from "../../src/models/unet.js";
import { parseUNetConfig } from "../../src/models/unet-config.js";
import { cast } from "../../src/tensor/convert.js";
import { TorchGenerator } from "../../src/tensor/random.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { emaDecayAt } from "../../src/train/schedules.js";
import { StagedStep } from "../../src/train/staged-step.js";
import { MemoryStore, type VectorLengths } from "../../src/train/state-store.js";
import { type OptimizationStep, type StepResult, TrainStep } from "../../src/train/step.js";
import { expectClose } from "../support/close.js";
import { need, readJson, readTensors } from "../support/fixtures.js";

const batchShape = [2, 4, 8, 12];
const contextShape = [2, 5, 6];
const optimizer = { betas: [0.9, 0.95], epsilon: 1e-3, clipNorm: 0.5 } as const;
const ema = { decay: 0.75, inverseGamma: 1, power: 2 / 3 };

/** The numbers that reference/training.py draws for a step, as `parts` batches. */
function drawBatches(step: number, parts = 1): Record<string, Tensor>[] {
  const rng = new TorchGenerator(1000 + step);
  const whole = {
    latents: rng.randn(batchShape),
    target: rng.randn(batchShape),
    conditioning: rng.randn(contextShape),
    timesteps: cast(rng.randint(0, 1000, [2]), "f32"),
  };
  return Array.from({ length: parts }, (_, part) =>
    Object.fromEntries(
      Object.entries(whole).map(([name, { shape, data }]) => {
        const length = data.length / parts;
        return [
          name,
          { dtype: "f32", shape: [2 / parts, ...shape.slice(1)], data: data.slice(part * length, (part + 1) * length) },
        ];
      }),
    ),
  );
}

/** A step in one graph, or in stages of some bytes. */
async function loadStep(accumulate: number, stageBytes?: number, name = "attn-blocks"): Promise<OptimizationStep> {
  const config = parseUNetConfig(await readJson(`unets/${name}/config.json`));
  const weights = new InputWeights();
  const batch = (shape: number[]) => [2 / accumulate, ...shape.slice(1)];
  const inputs = {
    latents: input("latents", "f32", batch(batchShape)),
    target: input("target", "f32", batch(batchShape)),
    conditioning: input("conditioning", "f32", batch(contextShape)),
    timesteps: input("timesteps", "f32", [2 / accumulate]),
  };
  const prediction = unet(new Weights(weights), config, inputs.latents, inputs.timesteps, inputs.conditioning);
  const error = sub(prediction, inputs.target);
  const objective = { inputs: Object.values(inputs), loss: reduceMean(mul(error, error)), metrics: {} };
  const parameters = [...weights.parameters.values()].map(({ value }) => ({ value, weightDecay: 0.1 }));
  const initial = await readTensors(`unets/${name}/diffusion_pytorch_model.safetensors`);
  const read = async (name: string) => initial.get(name);
  const options = { optimizer, ema: true, accumulate, device: "cpu" } as const;
  if (stageBytes === undefined) return TrainStep.load(objective, parameters, read, options);
  const openStore = async (lengths: VectorLengths) => new MemoryStore(lengths);
  return StagedStep.load(objective, parameters, read, { ...options, stageBytes, openStore });
}

const runStep = (step: OptimizationStep, index: number, parts: number, learningRate = 2e-3) =>
  step.run(drawBatches(index, parts), {
    update: index + 1,
    learningRate,
    emaDecay: emaDecayAt(ema, index + 1),
  });

let expected: Map<string, Tensor>;
beforeAll(async () => {
  expected = await readTensors("training/attn-blocks.safetensors");
});

/** Float32 sums in another order; Adam divides small gradients by their own size, which magnifies that. */
const tolerance = 1e-4;

it.each([
  { name: "one batch a step", accumulate: 1 },
  { name: "two batches a step, gradients averaged", accumulate: 2 },
  { name: "in stages", accumulate: 1, stageBytes: 2 ** 17 },
  { name: "in stages, two batches", accumulate: 2, stageBytes: 2 ** 17 },
])(
  "ten steps of AdamW with clipping and moving average give PyTorch's weights: $name",
  async ({ accumulate, stageBytes }) => {
    const step = await loadStep(accumulate, stageBytes);
    const results: StepResult[] = [];
    for (let i = 0; i < 10; i++) results.push(await runStep(step, i, accumulate));
    const report = (pick: (result: StepResult) => number) => ({
      dtype: "f32" as const,
      shape: [10],
      data: Float32Array.from(results, pick),
    });
    expectClose(
      report(({ loss }) => loss),
      need(expected, "losses"),
      1e-5,
      "losses",
    );
    expectClose(
      report(({ gradientNorm }) => gradientNorm),
      need(expected, "gradientNorms"),
      1e-4,
      "gradient norms",
    );
    const weights = step.entries.map(({ name }) => name).filter((name) => !name.startsWith("moment"));
    expect(weights.length).toBe(expected.size - 3);
    const read = await step.reader();
    for (const name of weights) expectClose(await read(name), need(expected, name), tolerance, name);
    await step.release();
  },
);

/**
 * Weights move by 2e-3 of themselves in ten such steps. At the rate of above, rounding alone (PyTorch's float32 beside its
 * float64) takes `linear-projection` 5e-2 off, because every step multiplies the difference; here by 4e-6.
 */
it.each(["linear-projection", "scale-shift"])(
  "ten smaller steps of %s give PyTorch's float64 weights",
  async (name) => {
    const reference = await readTensors(`training/${name}.safetensors`);
    const step = await loadStep(1, undefined, name);
    const losses: number[] = [];
    for (let i = 0; i < 10; i++) losses.push((await runStep(step, i, 1, 2e-4)).loss);
    expectClose(
      { dtype: "f32", shape: [10], data: Float32Array.from(losses) },
      need(reference, "losses"),
      2e-5,
      "losses",
    );
    const weights = step.entries.map(({ name }) => name).filter((path) => !path.startsWith("moment"));
    const read = await step.reader();
    for (const path of weights) expectClose(await read(path), need(reference, path), 4e-5, path);
    await step.release();
  },
);

it("has the moving average's decays", () => {
  const decays = Float32Array.from({ length: 10 }, (_, i) => emaDecayAt(ema, i + 1));
  expectClose({ dtype: "f32", shape: [10], data: decays }, need(expected, "emaDecays"), 1e-6);
});

it.each([undefined, 2 ** 17])(
  "changes nothing where loss or gradient are not finite (stages: %s)",
  async (stageBytes) => {
    const step = await loadStep(1, stageBytes);
    const before = await (await step.reader())("conv_in.weight");
    const [batch] = drawBatches(0) as [Record<string, Tensor>];
    const latents = { ...(batch.latents as Tensor<"f32">), data: (batch.latents as Tensor<"f32">).data.slice() };
    latents.data[5] = Number.NaN;
    const result = await step.run([{ ...batch, latents }], { update: 1, learningRate: 1, emaDecay: 0 });
    expect(result.isFinite).toBe(false);
    const read = await step.reader();
    expect(await read("conv_in.weight")).toEqual(before);
    expect((await read("moment1/conv_in.weight")).data.every((value) => value === 0)).toBe(true);
    await step.release();
  },
);
