import { expect, it } from "vitest";
import { expectClose } from "../../test/support/close.js";
import { createNoiseSchedule, type NoiseScheduleConfig } from "../diffusion/schedule.js";
import { exportOnnx } from "../graph/export.js";
import { concat, slice } from "../graph/operators/index.js";
import { constant, type Value } from "../graph/value.js";
import { RandomWeights, Weights } from "../graph/weights.js";
import { Session } from "../runtime/session.js";
import { TorchGenerator } from "../tensor/random.js";
import type { Tensor } from "../tensor/tensor.js";
import { AdversarialLoss, type AdversarialLossSubject } from "./adversarial-loss.js";

const config: NoiseScheduleConfig = {
  ...{ trainSteps: 1000, betaSchedule: "scaled_linear" as const, betaStart: 0.00085, betaEnd: 0.012 },
  ...{ predictionType: "v_prediction" as const, zeroTerminalSnr: true },
};
const latentShape = [3, 8, 8];
const options = { weight: 0.25, widths: [8, 16], noise: 0.5 };

function adversarialLoss(changes: Partial<NoiseScheduleConfig> = {}) {
  const schedule = createNoiseSchedule({ ...config, ...changes });
  const x = constant(new TorchGenerator(1).randn([64, ...latentShape]));
  const faceEmbedding = constant(new TorchGenerator(2).randn([64, 4]));
  const subject = { predicted: x, photo: x, faceEmbedding };
  return new AdversarialLoss(options, schedule, subject, new Weights(new RandomWeights(7)));
}

it("veils each image by noise of another strength, up to what is asked for", () => {
  const loss = adversarialLoss();
  const inputs = loss.makeInputs(latentShape, new TorchGenerator(5));
  expect(Object.keys(inputs)).toEqual(loss.inputs.map(({ name }) => name));
  const noise = inputs.adversarialNoise?.data as Float32Array;
  const length = noise.length / 64;
  const spreads = Array.from(
    { length: 64 },
    (_, i) => Math.hypot(...noise.subarray(i * length, (i + 1) * length)) / length ** 0.5,
  );
  // Uniform up to 0.5, each within some 10 % of what was drawn.
  expect(Math.max(...spreads)).toBeGreaterThan(0.4);
  expect(Math.max(...spreads)).toBeLessThan(0.6);
  expect(Math.min(...spreads)).toBeLessThan(0.1);
  expect(spreads.reduce((a, b) => a + b) / 64).toBeCloseTo(0.25, 1);
});

it("judges the network's own images against the first photos", async () => {
  const of = (seed: number, rows: number) => constant(new TorchGenerator(seed).randn([rows, ...latentShape]));
  const faces = constant(new TorchGenerator(4).randn([6, 4]));
  const first = (x: Value) => slice(x, 0, 0, 2);
  const [predicted, photo, clean] = [of(1, 6), of(2, 6), of(3, 2)];
  const twice = (x: Value) => concat([x, first(x)], 0);
  const make = (subject: AdversarialLossSubject) =>
    new AdversarialLoss(options, createNoiseSchedule(config), subject, new Weights(new RandomWeights(7)));
  const loss = make({ predicted, photo, faceEmbedding: faces, own: { clean, faceEmbedding: first(faces) } });
  const joined = make({
    predicted: concat([predicted, clean], 0),
    photo: twice(photo),
    faceEmbedding: twice(faces),
  });
  const noise = loss.makeInputs(latentShape, new TorchGenerator(5));
  expect(noise.adversarialNoise?.shape).toEqual([8, ...latentShape]);
  const run = async ({ inputs, metrics }: AdversarialLoss) => {
    const session = await Session.load(exportOnnx({ inputs, outputs: metrics }));
    return session.run(noise).finally(() => session.release());
  };
  const [found, wanted] = [await run(loss), await run(joined)];
  for (const name of ["adversarial", "discriminator"]) expectClose(found[name], wanted[name] as Tensor, 1e-6, name);
});

it("refuses a network whose prediction leaves out the image where all is noise", () => {
  expect(() => adversarialLoss({ predictionType: "epsilon" })).toThrow(/loss\.adversarial.*predicts v/);
});
