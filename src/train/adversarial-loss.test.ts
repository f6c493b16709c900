import { expect, it } from "vitest";
import { createNoiseSchedule, type NoiseScheduleConfig } from "../diffusion/schedule.js";
import { constant } from "../graph/value.js";
import { RandomWeights, Weights } from "../graph/weights.js";
import { TorchGenerator } from "../tensor/random.js";
import { AdversarialLoss } from "./adversarial-loss.js";

const config: NoiseScheduleConfig = {
  ...{ trainSteps: 1000, betaSchedule: "scaled_linear" as const, betaStart: 0.00085, betaEnd: 0.012 },
  ...{ predictionType: "v_prediction" as const, zeroTerminalSnr: true },
};
const latentShape = [3, 8, 8];

function adversarialLoss(changes: Partial<NoiseScheduleConfig> = {}) {
  const schedule = createNoiseSchedule({ ...config, ...changes });
  const x = constant(new TorchGenerator(1).randn([64, ...latentShape]));
  const faceEmbedding = constant(new TorchGenerator(2).randn([64, 4]));
  const subject = { predicted: x, photo: x, faceEmbedding };
  const options = { weight: 0.25, widths: [8, 16], noise: 0.5 };
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

it("refuses a network whose prediction leaves out the image where all is noise", () => {
  expect(() => adversarialLoss({ predictionType: "epsilon" })).toThrow(/loss\.adversarial.*predicts v/);
});
