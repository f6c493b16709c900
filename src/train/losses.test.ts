import { describe, expect, it } from "vitest";
import { expectClose } from "../../test/support/close.js";
import { Feeds } from "../../test/support/fixtures.js";
import { gradients } from "../graph/gradients/index.js";
import { conv, matmul, mul, reduceSum, relu, reshape } from "../graph/operators/index.js";
import { constant, floats, input, type Value } from "../graph/value.js";
import { TorchGenerator } from "../tensor/random.js";
import { f32, type Tensor } from "../tensor/tensor.js";
import { denoisingLoss, identityDistance, klLoss, l1Loss, perceptualLoss, resample } from "./losses.js";

async function evaluate(tensors: Record<string, Tensor>, build: (...values: Value[]) => Record<string, Value>) {
  const feeds = new Feeds();
  return feeds.run(build(...Object.entries(tensors).map(([name, tensor]) => feeds.add(name, tensor))));
}

const rng = new TorchGenerator(3);

it("weighs the squared error image by image", async () => {
  const tensors = {
    prediction: f32([2, 1, 1, 3], [1, 2, 3, 0, 0, 0]),
    target: f32([2, 1, 1, 3], [1, 2, 0, 1, 2, 2]),
    weights: f32([2], [2, 0.5]),
  };
  const { loss, error } = await evaluate(tensors, (...values) => denoisingLoss(...(values as [Value, Value, Value])));
  // Squared errors of 3 and 3 a image.
  expect(error).toEqual(f32([], [3]));
  expect(loss).toEqual(f32([], [(3 * 2 + 3 * 0.5) / 2]));
});

it("measures reconstructions and latents", async () => {
  const tensors = { a: f32([4], [1, -2, 3, 0]), b: f32([4], [0, 2, 3, 1]) };
  const { l1, kl } = await evaluate(tensors, (a, b) => ({
    l1: l1Loss(a as Value, b as Value),
    kl: klLoss(a as Value, b as Value),
  }));
  expect(l1).toEqual(f32([], [6 / 4]));
  const terms = [
    [1, 0],
    [-2, 2],
    [3, 3],
    [0, 1],
  ].map(([mean = 0, logvar = 0]) => 0.5 * (mean ** 2 + Math.exp(logvar) - 1 - logvar));
  expectClose(kl, f32([], [terms.reduce((x, y) => x + y) / 4]), 1e-6);
});

describe("resample", () => {
  const image = rng.randn([2, 3, 8, 8]);

  it("leaves the whole image at its size as it is", async () => {
    const { same } = await evaluate({ image }, (x) => ({
      same: resample(x as Value, { left: 0, top: 0, side: 1 }, 8),
    }));
    expectClose(same, image, 1e-6);
  });

  it("cuts out the right part, columns and rows apart", async () => {
    const ramp = f32(
      [1, 2, 8, 8],
      [...Array(128).keys()].map((i) => (i < 64 ? i % 8 : Math.floor((i - 64) / 8))),
    );
    const box = { left: 0.25, top: 0.5, side: 0.5 };
    const { part } = await evaluate({ ramp }, (x) => ({ part: resample(x as Value, box, 4) }));
    const columns = [2, 3, 4, 5].flatMap(() => [2, 3, 4, 5]);
    const rows = [4, 5, 6, 7].flatMap((row) => [row, row, row, row]);
    expectClose(part, f32([1, 2, 4, 4], [...columns, ...rows]), 1e-6);
  });

  it("averages where it shrinks, and repeats the edge beyond the image", async () => {
    const half = f32(
      [1, 1, 4, 4],
      [...Array(16).keys()].map((i) => (i % 4 < 2 ? 0 : 8)),
    );
    const { small, beyond } = await evaluate({ half }, (x) => ({
      small: resample(x as Value, { left: 0, top: 0, side: 1 }, 1),
      beyond: resample(x as Value, { left: 1.5, top: 0, side: 1 }, 4),
    }));
    expectClose(small, f32([1, 1, 1, 1], [4]), 1e-6);
    expect(beyond?.data.every((value) => value === 8)).toBe(true);
  });
});

it("compares faces by the recogniser's cosine, also one with a batch of one in its shapes", async () => {
  const crops = input("crop", "f32", [1, 1, 1, 3]);
  const recogniser = { inputs: [crops], outputs: { embedding: mul(reshape(crops, [1, 3]), 7) } };
  const tensors = { faces: f32([2, 1, 1, 3], [3, 4, 0, 0, 0, 2]), embeddings: f32([2, 3], [1, 0, 0, 0, 0, -1]) };
  const { distance, slope } = await evaluate(tensors, (faces, embeddings) => {
    const distance = identityDistance(recogniser, faces as Value, embeddings as Value);
    return { distance, slope: gradients(reduceSum(distance), [faces as Value])[0] as Value };
  });
  expectClose(distance, f32([2], [1 - 0.6, 2]), 1e-6);
  // The gradient of a cosine is at right angles to the vector.
  const [x = 0, y = 0] = Array.from(slope?.data as Float32Array);
  expect(3 * x + 4 * y).toBeCloseTo(0, 5);
  expect(x).toBeLessThan(0);
});

it("sees no distance between equal images, and takes the last map of each resolution", async () => {
  const x = input("x", "f32", [1, 1, 4, 4]);
  const kernel = constant(rng.randn([2, 1, 3, 3]));
  const coarse = conv(relu(conv(x, kernel, undefined, { padding: 1 })), constant(rng.randn([3, 2, 2, 2])), undefined, {
    stride: 2,
  });
  const network = { inputs: [x], outputs: { out: matmul(reshape(coarse, [1, 12]), constant(rng.randn([12, 5]))) } };
  const a = rng.randn([1, 1, 4, 4]);
  const b = rng.randn([1, 1, 4, 4]);
  const { none, some, brighter } = await evaluate({ a, b }, (a, b) => ({
    none: perceptualLoss(network, a as Value, a as Value),
    some: perceptualLoss(network, a as Value, b as Value),
    // Unit length makes the features blind to contrast.
    brighter: perceptualLoss(network, a as Value, mul(a as Value, floats(2))),
  }));
  expect(none?.data[0]).toBe(0);
  expect(some?.data[0]).toBeGreaterThan(0.1);
  expect(brighter?.data[0]).toBeLessThan(1e-5);
});
