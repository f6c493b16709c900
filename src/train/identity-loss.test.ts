import { expect, it } from "vitest";
import { expectClose } from "../../test/support/close.js";
import { createNoiseSchedule } from "../diffusion/schedule.js";
import { exportOnnx } from "../graph/export.js";
import { gradients } from "../graph/gradients/index.js";
import { add, div, matmul, mul, reduceMean, reduceSum, reshape, slice, sqrt, sub } from "../graph/operators/index.js";
import { constant, input, size, type Value } from "../graph/value.js";
import { Session } from "../runtime/session.js";
import { TorchGenerator } from "../tensor/random.js";
import { f32, type Tensor } from "../tensor/tensor.js";
import { IdentityLoss, type IdentityLossOptions } from "./identity-loss.js";
import { arcFaceInFfhq, faceBoxInFfhq, identityDistance, resample } from "./losses.js";

const schedule = createNoiseSchedule({
  trainSteps: 1000,
  betaSchedule: "scaled_linear",
  betaStart: 0.00085,
  betaEnd: 0.012,
  predictionType: "v_prediction",
  zeroTerminalSnr: true,
});
const images = 3;
const shape = [3, 8, 8] as const;
const length = shape[0] * shape[1] * shape[2];
const faces = f32([4, 3], [0, 0.6, 0.8, 1, 0, 0, 0, 0, 0, 0.8, 0, -0.6]);
const w = input("w", "f32", []);

const recogniser = (() => {
  const crop = input("crop", "f32", [1, 3, 112, 112]);
  const parts = [slice(crop, 2, 0, 30), slice(crop, 3, 0, 40), slice(crop, 3, 70, 112)];
  const means = parts.map((part, i) => mul(reduceMean(part, { axes: [2, 3] }), i + 1));
  return { inputs: [crop], outputs: { embedding: means.reduce(add) } };
})();

/** v = w·(x + face + t/1000), a face of three numbers being a colour. */
function network(x: Value, timesteps: Value, faces: Value): Value {
  const column = (value: Value, channels: number) => reshape(value, [size(x, 0), channels, 1, 1]);
  return mul(w, add(add(x, column(faces, 3)), column(mul(timesteps, 0.001), 1)));
}

function identityLoss(options: Partial<IdentityLossOptions> = {}, noise = schedule) {
  const image = (seed: number) => constant(new TorchGenerator(seed).randn([4, ...shape]));
  return new IdentityLoss({ recogniser, weight: 0.5, images, belowTimestep: 800, ...options }, noise, {
    latentShape: shape,
    network: (x, timesteps, _, faces) => network(x, timesteps, faces),
    decode: (latents) => latents,
    tokens: input("tokens", "i64", [4, 2]),
    batch: { predicted: mul(image(1), w), photo: image(2), faceEmbedding: constant(faces) },
  });
}

/** A loss and its slope in w, at w = 0.4. */
async function evaluate(inputs: readonly Value[], loss: Value, given: Readonly<Record<string, Tensor>> = {}) {
  const outputs = { loss, slope: gradients(loss, [w])[0] as Value };
  const session = await Session.load(exportOnnx({ inputs: [w, ...inputs], outputs }));
  try {
    return await session.run({ ...given, w: f32([], [0.4]) });
  } finally {
    await session.release();
  }
}

/** What the loss should be for clean latents that depend on w. */
function expected(clean: Value, weights: readonly number[]) {
  const crops = resample(clean, arcFaceInFfhq, 112);
  const distance = identityDistance(recogniser, crops, slice(constant(faces), 0, 0, images));
  return evaluate([], reduceMean(mul(distance, constant(f32([images], weights)))));
}

const levels = (timesteps: ArrayLike<number>) => {
  const alpha = Array.from(timesteps, (t) => Math.sqrt(schedule.alphasCumprod[t] as number));
  return { alpha, sigma: alpha.map((value) => Math.sqrt(1 - value ** 2)) };
};
const column = (values: readonly number[]) => constant(f32([images, 1, 1, 1], values));

it("looks at photos with noise, but not at those without identity or with more noise than is asked for", async () => {
  const timesteps = [100, 900, 300, 50];
  const loss = identityLoss();
  const given = loss.makeInputs(timesteps, faces, new TorchGenerator(3));
  const clean = mul(slice(constant(new TorchGenerator(1).randn([4, ...shape])), 0, 0, images), w);
  const wanted = await expected(clean, [0.5, 0, 0]);
  const found = await evaluate(loss.inputs, loss.loss, given);
  expectClose(found.loss, wanted.loss as Tensor, 1e-5);
  expectClose(found.slope, wanted.slope as Tensor, 1e-5);
});

it("looks at images that the network has begun, with the gradient of the last evaluation", async () => {
  const steps = 3;
  const loss = identityLoss({ own: { steps, drawnShare: 0 } });
  const given = loss.makeInputs([100, 900, 300, 50], faces, new TorchGenerator(3));
  const passed = given.identityTimesteps?.data as Float32Array;
  const row = (i: number) => Array.from(passed.subarray(i * images, (i + 1) * images));
  expect(row(0)).toEqual([999, 999, 999]);
  expect(row(steps).every((t) => t < 800)).toBe(true);
  expect(new Set(row(steps)).size).toBe(images);

  const x = Float32Array.from(given.identityNoise?.data as Float32Array);
  const velocity = (k: number) => {
    const timesteps = row(k);
    return x.map((value, i) => {
      const image = Math.floor(i / length);
      const face = faces.data[image * 3 + Math.floor((i % length) / (length / 3))] as number;
      return 0.4 * (value + face + (timesteps[image] as number) / 1000);
    });
  };
  for (let k = 0; k < steps; k++) {
    const [from, to] = [levels(row(k)), levels(row(k + 1))];
    for (const [i, v] of velocity(k).entries()) {
      const image = Math.floor(i / length);
      const at = ({ alpha, sigma }: typeof from) => [alpha[image] as number, sigma[image] as number] as const;
      const [[alpha, sigma], [nextAlpha, nextSigma]] = [at(from), at(to)];
      const value = x[i] as number;
      x[i] = nextAlpha * (alpha * value - sigma * v) + nextSigma * (alpha * v + sigma * value);
    }
  }
  const { alpha, sigma } = levels(row(steps));
  const reached = constant(f32([images, ...shape], x));
  const last = network(reached, constant(f32([images], row(steps))), slice(constant(faces), 0, 0, images));
  const wanted = await expected(sub(mul(reached, column(alpha)), mul(last, column(sigma))), [0.5, 0.5, 0]);
  const found = await evaluate(loss.inputs, loss.loss, given);
  expectClose(found.loss, wanted.loss as Tensor, 1e-4);
  expectClose(found.slope, wanted.slope as Tensor, 1e-4);
});

it.each(["photo", "embedding"] as const)("compares what another network sees with what the %s tells", async (by) => {
  const sizePx = 20;
  const crops = input("faces", "f32", [images, 3, sizePx, sizePx]);
  const rows = reshape(reduceMean(crops, { axes: [3] }), [images, 3 * sizePx]);
  const network = { inputs: [crops], outputs: { descriptor: rows } };
  const embedding = input("embedding", "f32", [images, 3]);
  const tell = (of: Value) => matmul(of, constant(new TorchGenerator(9).randn([3, 3 * sizePx])));
  const expected = { inputs: [embedding], outputs: { expected: tell(embedding) } };
  const features = { network, weight: 2, ...(by === "embedding" && { expected }) };
  const [plain, loss] = [identityLoss(), identityLoss({ features })];
  const given = loss.makeInputs([100, 900, 300, 50], faces, new TorchGenerator(3));
  const first = (of: Value) => slice(of, 0, 0, images);
  const see = (image: Value) => {
    const seen = mul(add(resample(first(image), faceBoxInFfhq, sizePx), 1), 127.5);
    return reshape(reduceMean(seen, { axes: [3] }), [images, 3 * sizePx]);
  };
  const random = (seed: number) => constant(new TorchGenerator(seed).randn([4, ...shape]));
  const found = see(mul(random(1), w));
  const wanted = by === "photo" ? see(random(2)) : tell(first(constant(faces)));
  const dot = (a: Value, b: Value) => reduceSum(mul(a, b), { axes: [1] });
  // Of nobody, whose embedding is 0, an embedding tells nothing.
  const cosine = div(dot(found, wanted), sqrt(add(mul(dot(found, found), dot(wanted, wanted)), 1e-12)));
  const apart = reduceMean(mul(sub(1, cosine), constant(f32([images], [1, 0, 0]))));
  const here = await evaluate(loss.inputs, loss.loss, given);
  const there = await evaluate(plain.inputs, add(plain.loss, mul(apart, 2)), given);
  expectClose(here.loss, there.loss as Tensor, 1e-5);
  expectClose(here.slope, there.slope as Tensor, 1e-4);
});

it("draws faces of nobody with the mean and the covariance of the batch", () => {
  const loss = identityLoss({ images: 8, own: { steps: 1, drawnShare: 1 } });
  const half = identityLoss({ own: { steps: 1, drawnShare: 1 } }).makeInputs([], faces, new TorchGenerator(2));
  // Who is left out for guidance stays so: the prompt is that of nobody.
  expect(Array.from(half.identityFaces?.data.slice(6) as Float32Array)).toEqual([0, 0, 0]);
  const rng = new TorchGenerator(7);
  const batch = rng.randn([8, 3]).data.map((value, i) => (i % 3 === 0 ? 3 + value / 4 : value / 8));
  const draws = Array.from({ length: 250 }, () => loss.makeInputs([], f32([8, 3], batch), rng));
  const drawn = Float32Array.from(
    draws.flatMap(({ identityFaces }) => Array.from(identityFaces?.data as Float32Array)),
  );
  const column = (data: Float32Array, j: number) => Array.from(data.filter((_, i) => i % 3 === j));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
  const spread = (values: readonly number[]) => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
  expect(draws[0]?.identityWeights?.data.every((weight) => weight === 1)).toBe(true);
  expect(Math.hypot(...drawn.subarray(0, 3))).toBeCloseTo(1, 5);
  // Brought to length 1, what is around (3, 0, 0) has its coordinates divided by about 3.
  for (const j of [1, 2]) {
    expect(mean(column(drawn, j)) * 3).toBeCloseTo(mean(column(batch, j)), 1);
    expect(spread(column(drawn, j)) * 3).toBeCloseTo(spread(column(batch, j)) * Math.sqrt(8 / 7), 1);
  }
});

it("refuses to compare people who are nobody with photos", () => {
  const faces = input("faces", "f32", [images, 3, 4, 4]);
  const network = { inputs: [faces], outputs: { descriptor: reshape(faces, [images, 48]) } };
  const own = { steps: 1, drawnShare: 0.5 };
  expect(() => identityLoss({ own, features: { network, weight: 1 } })).toThrow(/no photos; give expected/);
});

it("refuses to begin from noise where the network could not", () => {
  const epsilon = createNoiseSchedule({
    ...{ trainSteps: 1000, betaSchedule: "linear", betaStart: 0.00085, betaEnd: 0.012 },
    ...{ predictionType: "epsilon", zeroTerminalSnr: true },
  });
  expect(() => identityLoss({ own: { steps: 2, drawnShare: 0 } }, epsilon)).toThrow(/own.*predicts v/);
});
