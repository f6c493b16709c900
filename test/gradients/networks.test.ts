import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportOnnx } from "../../src/graph/export.js";
import { gradients } from "../../src/graph/gradients/index.js";
import { mul, reduceMean, sub } from "../../src/graph/operators/index.js";
import { constant, input, type Value } from "../../src/graph/value.js";
import { InputWeights, Weights } from "../../src/graph/weights.js";
import { faceEncoder, injectIdentity, parseFaceEncoderConfig } from "../../src/models/face-encoder.js";
import { unet } from "../../src/models/unet.js";
import { parseUNetConfig } from "../../src/models/unet-config.js";
import { Session } from "../../src/runtime/session.js";
import { TorchGenerator } from "../../src/tensor/random.js";
import { openSafetensors, readTensor } from "../../src/tensor/safetensors.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { convertTorchCheckpoint } from "../../src/tensor/torch-checkpoint.js";
import { fixture, need, readJson, readTensors } from "../support/fixtures.js";

const inputNames = ["latents", "timesteps", "faceEmbedding", "noise"];

/** The loss of noise prediction, from the face embedding through encoder and UNet, and its gradients. */
async function build() {
  const unetConfig = parseUNetConfig(await readJson("tiny/arc2face/config.json"));
  const encoderConfig = parseFaceEncoderConfig(await readJson("tiny/encoder/config.json"));
  const { prompt } = (await readJson("tiny/arc2face.json")) as { prompt: { tokens: number[]; idToken: number } };
  const expected = await readTensors("gradients/noise-prediction.safetensors");
  const source = new InputWeights();
  const w = new Weights(source);
  const inputs = inputNames.map((name) => input(name, "f32", need(expected, name).shape));
  const [latents, timesteps, faceEmbedding, noise] = inputs as [Value, Value, Value, Value];
  const ids = [...prompt.tokens, ...prompt.tokens];
  const tokens = constant({ dtype: "i64", shape: [2, prompt.tokens.length], data: BigInt64Array.from(ids, BigInt) });
  const tokenEmbeddings = injectIdentity(w, encoderConfig, tokens, faceEmbedding, prompt.idToken);
  const error = sub(unet(w, unetConfig, latents, timesteps, faceEncoder(w, encoderConfig, tokenEmbeddings)), noise);
  const loss = reduceMean(mul(error, error));
  const names = [...source.parameters.keys()];
  const parameters = [...source.parameters.values()].map(({ value }) => value);
  const byName = Object.fromEntries(gradients(loss, parameters).map((grad, i) => [names[i] as string, grad]));
  return { inputs, parameters, loss, byName, expected };
}

/** Weights of the tiny checkpoint, by the names that the networks give them. */
async function readWeights(folder: string): Promise<Record<string, Tensor>> {
  const encoder = join(folder, "encoder.safetensors");
  await convertTorchCheckpoint(fixture("tiny/encoder/pytorch_model.bin"), encoder);
  const weights: Record<string, Tensor> = {};
  for (const path of [encoder, fixture("tiny/arc2face/diffusion_pytorch_model.safetensors")]) {
    const file = await openSafetensors(path);
    for (const name of file.entries.keys()) weights[name] = await readTensor(file, name);
  }
  return weights;
}

describe("gradients of UNet and face encoder against PyTorch's in float64", () => {
  let folder: string;
  let expected: Map<string, Tensor>;
  let found: Record<string, Tensor>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gradients-"));
    const graph = await build();
    expected = graph.expected;
    const weights = await readWeights(folder);
    const feeds = Object.fromEntries([
      ...inputNames.map((name) => [name, need(expected, name)]),
      ...graph.parameters.map(({ name = "" }) => [name, weights[name]]),
    ]);
    const inputs = [...graph.inputs, ...graph.parameters];
    const session = await Session.load(
      exportOnnx({ inputs, outputs: { loss: graph.loss, ...prefixed(graph.byName) } }),
    );
    found = await session.run(feeds);
    await session.release();
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("computes the same loss", () => {
    const loss = need(expected, "loss").data[0] as number;
    expect(Math.abs((found.loss?.data[0] as number) / loss - 1)).toBeLessThan(1e-5);
  });

  it("computes every parameter's gradient", () => {
    const names = [...expected.keys()].filter((name) => name.startsWith("gradient/"));
    expect(names.length).toBe(244);
    expect(new Set(Object.keys(found))).toEqual(new Set(["loss", ...names]));
    // The bias of the keys has no effect on a softmax: its gradient is rounding, here as in PyTorch.
    const floor = 1e-4;
    const errors = names.map(
      (name) => [name, relativeErrorOf(found[name] as Tensor, need(expected, name), floor)] as const,
    );
    const worst = errors.reduce((a, b) => (b[1] > a[1] ? b : a));
    expect(worst[1], worst[0]).toBeLessThan(1e-3);
  });
});

const prefixed = (values: Record<string, Value>): Record<string, Value> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`gradient/${name}`, value]));

/** |g - g'| / |g'| as the products of g with random vectors estimate it; see reference/gradients.py. */
function relativeErrorOf(gradient: Tensor, summary: Tensor, floor: number): number {
  const [norm, ...products] = summary.data as Float32Array;
  const squares = products.map((product, seed) => {
    const vector = new TorchGenerator(seed).randn(gradient.shape as number[]);
    let sum = 0;
    for (let i = 0; i < vector.data.length; i++) sum += Number(gradient.data[i]) * (vector.data[i] as number);
    return (sum - product) ** 2;
  });
  const meanSquare = squares.reduce((a, b) => a + b, 0) / squares.length;
  return Math.sqrt(meanSquare) / Math.max(norm as number, floor);
}
