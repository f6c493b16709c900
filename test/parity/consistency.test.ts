import { beforeAll, expect, it } from "vitest";
import { planSolver } from "../../src/diffusion/lcm.js";
import { createNoiseSchedule, type PredictionType } from "../../src/diffusion/schedule.js";
import { stableDiffusion15 } from "../../src/diffusion/scheduler-config.js";
import { gradients } from "../../src/graph/gradients/index.js";
import type { Value } from "../../src/graph/value.js";
import { Weights } from "../../src/graph/weights.js";
import { unet } from "../../src/models/unet.js";
import { parseUNetConfig, type UNetConfig } from "../../src/models/unet-config.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { type ConsistencyMetric, consistencyLoss, guided } from "../../src/train/consistency-loss.js";
import { expectClose } from "../support/close.js";
import { Feeds, need, openWeights, readJson, readTensors } from "../support/fixtures.js";

let config: UNetConfig;
let teacherWeights: Weights;
let studentTensors: Map<string, Tensor>;
beforeAll(async () => {
  config = parseUNetConfig(await readJson("unets/scale-shift/config.json"));
  studentTensors = await readTensors("unets/scale-shift/diffusion_pytorch_model.safetensors");
  teacherWeights = await openWeights("consistency/teacher.safetensors");
});

/** Float32 beside the reference's float64. Two networks in a row and 1/c of pseudo-Huber magnify rounding in gradients. */
const tolerance = { loss: 1e-5, gradient: 1e-3 };

const cases: [string, PredictionType, boolean, ConsistencyMetric][] = [
  ["v-zero-snr", "v_prediction", true, { kind: "huber", c: 1e-3 }],
  ["epsilon", "epsilon", false, { kind: "l2" }],
  ["sample", "sample", false, { kind: "huber", c: 1e-3 }],
];

it.each(cases)("distils as diffusers' script: %s", async (name, predictionType, zeroTerminalSnr, metric) => {
  const tensors = await readTensors(`consistency/${name}.safetensors`);
  const schedule = createNoiseSchedule({ ...stableDiffusion15.noise, predictionType, zeroTerminalSnr });
  const originalSteps = Number(need(tensors, "originalSteps").data[0]);
  const feeds = new Feeds();
  const feed = (key: string) => feeds.add(key, need(tensors, key));
  const [conditioning, nobody] = [feed("conditioning"), feed("nobody")];
  const parameters = new Map([...studentTensors].map(([path, tensor]) => [path, feeds.add(path, tensor)]));
  const student = new Weights({ has: (path) => parameters.has(path), get: (path) => parameters.get(path) as Value });
  const loss = consistencyLoss(
    {
      predictionType,
      solver: planSolver(schedule, { originalSteps, timestepScaling: 10 }),
      student: (x, timesteps) => unet(student, config, x, timesteps, conditioning),
      teacher: guided((...operands) => unet(teacherWeights, config, ...operands), conditioning, nobody, 3),
      metric,
    },
    feed("latents"),
    feed("solverStep"),
  );
  const slopes = gradients(loss, [...parameters.values()]);
  const names = [...parameters.keys()].map((path) => `gradient/${path}`);
  const found = await feeds.run({ loss, ...Object.fromEntries(names.map((name, i) => [name, slopes[i] as Value])) });
  expectClose(found.loss, need(tensors, "loss"), tolerance.loss, "loss");
  expect(names.toSorted()).toEqual([...tensors.keys()].filter((key) => key.startsWith("gradient/")).sort());
  for (const name of names) expectClose(found[name], need(tensors, name), tolerance.gradient, name);
});
