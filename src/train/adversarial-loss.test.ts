import { expect, it } from "vitest";
import { createNoiseSchedule, type NoiseScheduleConfig } from "../diffusion/schedule.js";
import { addNoise, vTarget } from "../diffusion/targets.js";
import { exportOnnx } from "../graph/export.js";
import { gradients } from "../graph/gradients/index.js";
import { add, mul, reduceMean, sub } from "../graph/operators/index.js";
import { constant, input, type Value } from "../graph/value.js";
import { InputWeights, initialize, RandomWeights, Weights } from "../graph/weights.js";
import { discriminator } from "../models/discriminator.js";
import { Session } from "../runtime/session.js";
import { TorchGenerator } from "../tensor/random.js";
import { f32, type Shape, type Tensor } from "../tensor/tensor.js";
import { AdversarialLoss } from "./adversarial-loss.js";

const config: NoiseScheduleConfig = {
  ...{ trainSteps: 1000, betaSchedule: "scaled_linear" as const, betaStart: 0.00085, betaEnd: 0.012 },
  ...{ predictionType: "v_prediction" as const, zeroTerminalSnr: true },
};
const schedule = createNoiseSchedule(config);
const widths = [8, 16];
const latentShape = [3, 8, 8];
const shape = [2, ...latentShape];
const timesteps = [300, 999];
const clean = new TorchGenerator(1).randn(shape);
const noise = new TorchGenerator(2).randn(shape);
const faces = new TorchGenerator(3).randn([2, 4]);
const latents = f32(shape, addNoise(schedule, clean.data, noise.data, timesteps));
const target = f32(shape, vTarget(schedule, clean.data, noise.data, timesteps));
const options = { weight: 0.25, widths, noise: 0.5 };

async function evaluate(inputs: readonly Value[], outputs: Record<string, Value>, given: Record<string, Tensor> = {}) {
  const session = await Session.load(exportOnnx({ inputs, outputs }));
  try {
    return await session.run(given);
  } finally {
    await session.release();
  }
}

const number = (tensor: Tensor | undefined) => Number(tensor?.data[0]);
const softplus = (x: number) => Math.log1p(Math.exp(x));
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;

/** What a discriminator of random weights says of some latents. */
async function judge(x: Tensor<"f32">): Promise<readonly number[]> {
  const weights = new Weights(new RandomWeights(7));
  const { y } = await evaluate([], { y: discriminator(weights, widths, constant(x), constant(faces)) });
  expect(y?.shape).toEqual([2, 1, 2, 2]);
  return Array.from(y?.data as Float32Array);
}

it("sets each prediction against its own photo, under the same noise", async () => {
  // Wrong by a tenth of itself.
  const prediction = f32(
    shape,
    target.data.map((value) => 1.1 * value),
  );
  const batch = { latents, prediction, target };
  const loss = new AdversarialLoss(
    options,
    schedule,
    {
      ...{ latents: constant(batch.latents), prediction: constant(batch.prediction), target: constant(batch.target) },
      faceEmbedding: constant(faces),
    },
    new Weights(new RandomWeights(7)),
  );
  const given = loss.makeInputs(timesteps, latentShape, new TorchGenerator(5));
  const found = await evaluate(loss.inputs, { loss: loss.loss, ...loss.metrics }, given);

  const veil = given.adversarialNoise?.data as Float32Array;
  const sigmas = timesteps.map((t) => Math.sqrt(1 - (schedule.alphasCumprod[t] as number)));
  const perImage = clean.data.length / 2;
  const real = await judge(
    f32(
      shape,
      clean.data.map((value, i) => value + (veil[i] as number)),
    ),
  );
  const made = await judge(
    f32(
      shape,
      clean.data.map((value, i) => {
        const sigma = sigmas[Math.floor(i / perImage)] as number;
        return value - 0.1 * sigma * (target.data[i] as number) + (veil[i] as number);
      }),
    ),
  );
  const ahead = made.map((value, i) => value - (real[i] as number));
  expect(number(found.discriminator)).toBeCloseTo(mean(ahead.map(softplus)), 4);
  expect(number(found.adversarial)).toBeCloseTo(mean(ahead.map((value) => softplus(-value))), 4);
  expect(number(found.loss)).toBeCloseTo(number(found.discriminator) + 0.25 * number(found.adversarial), 5);
});

it("lets the discriminator learn to tell, and the network to be taken for a photo", async () => {
  const source = new InputWeights();
  const w = input("w", "f32", []);
  const face = constant(faces);
  const wrong = mul(add(w, 1), constant(target));
  const subject = { latents: constant(latents), prediction: wrong, target: constant(target), faceEmbedding: face };
  const loss = new AdversarialLoss(options, schedule, subject, new Weights(source));
  const given = loss.makeInputs(timesteps, latentShape, new TorchGenerator(5));
  const parameters = [...source.parameters.values()].map(({ value }) => value);
  const rng = new TorchGenerator(7);
  const starts = Object.fromEntries(
    [...source.parameters].map(([path, { value, initializer }]) => [
      path,
      initialize(rng, value.shape as Shape, initializer),
    ]),
  );
  const feeds = { ...given, ...starts, w: f32([], [0.1]) };
  const slopes = (y: Value) => gradients(y, [w, ...parameters]);
  const alone = slopes(loss.metrics.discriminator);
  const [own, ...judges] = slopes(loss.loss) as [Value, ...Value[]];
  const [network] = slopes(mul(loss.metrics.adversarial, options.weight)) as [Value];
  const difference = judges.map((slope, i) => {
    const apart = sub(slope, alone[i + 1] as Value);
    return reduceMean(mul(apart, apart));
  });
  const size = reduceMean(mul(judges[0] as Value, judges[0] as Value));
  const outputs = { own, network, alone: alone[0] as Value, difference: difference.reduce(add), size };
  const found = await evaluate([w, ...loss.inputs, ...parameters], outputs, feeds);
  expect(number(found.own)).not.toBe(0);
  expect(number(found.own)).toBeCloseTo(number(found.network), 6);
  expect(number(found.alone)).toBe(0);
  expect(number(found.size)).toBeGreaterThan(0);
  expect(number(found.difference)).toBe(0);
});

it("refuses a network whose prediction leaves out the image where all is noise", () => {
  const epsilon = createNoiseSchedule({ ...config, predictionType: "epsilon" });
  const x = constant(latents);
  const subject = { latents: x, prediction: x, target: x, faceEmbedding: constant(faces) };
  const make = () => new AdversarialLoss(options, epsilon, subject, new Weights(new RandomWeights(7)));
  expect(make).toThrow(/loss\.adversarial.*predicts v/);
});
