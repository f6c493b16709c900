import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { constant, input, type Value } from "../../src/graph/value.js";
import { FileWeights, RandomWeights, Weights } from "../../src/graph/weights.js";
import { faceEncoder, injectIdentity, parseFaceEncoderConfig } from "../../src/models/face-encoder.js";
import { openSafetensors } from "../../src/tensor/safetensors.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { convertTorchCheckpoint } from "../../src/tensor/torch-checkpoint.js";
import { expectClose } from "../support/close.js";
import { Feeds, fixture, need, readJson, readTensors } from "../support/fixtures.js";

/** Float32 sums in another order than PyTorch's; errors seen are about 1e-6. */
const tolerance = 1e-4;

it("gives the conditioning that transformers gives, from the official pickle", async () => {
  const folder = await mkdtemp(join(tmpdir(), "encoder-"));
  const converted = join(folder, "encoder.safetensors");
  await convertTorchCheckpoint(fixture("tiny/encoder/pytorch_model.bin"), converted);
  const weights = new Weights(new FileWeights(await openSafetensors(converted)));
  const config = parseFaceEncoderConfig(await readJson("tiny/encoder/config.json"));
  const { prompt } = (await readJson("tiny/arc2face.json")) as {
    prompt: Record<string, number[]> & { idToken: number };
  };
  const tensors = await readTensors("parity/encoder.safetensors");

  const feeds = new Feeds();
  const faceEmbedding = feeds.add("faceEmbedding", need(tensors, "faceEmbedding"));
  const tokens = constant(rows(prompt.tokens as number[], 3));
  const tokenEmbeddings = injectIdentity(weights, config, tokens, faceEmbedding, prompt.idToken);
  const unconditional = injectIdentity(
    weights,
    config,
    constant(rows(prompt.unconditional as number[], 3)),
    faceEmbedding,
    prompt.idToken,
  );
  const outputs: Record<string, Value> = {
    tokenEmbeddings,
    conditioning: faceEncoder(weights, config, tokenEmbeddings),
    unconditional: faceEncoder(weights, config, unconditional),
  };
  const results = await feeds.run(outputs);
  expectClose(results.tokenEmbeddings, need(tensors, "tokenEmbeddings"), 1e-7);
  expectClose(results.conditioning, need(tensors, "conditioning"), tolerance);
  const first = need(tensors, "unconditional");
  const row = results.unconditional as Tensor;
  expectClose(
    { ...row, shape: first.shape, data: row.data.slice(0, first.data.length) as Float32Array },
    first,
    tolerance,
  );
});

it("refuses a face embedding that is wider than the encoder", async () => {
  const config = parseFaceEncoderConfig(await readJson("tiny/encoder/config.json"));
  const weights = new Weights(new RandomWeights(1));
  const inject = (width: number) =>
    injectIdentity(weights, config, input("tokens", "i64", [2, 13]), input("face", "f32", [2, width]), 17);
  expect(inject(32).shape).toEqual([2, 13, 32]);
  expect(() => inject(33)).toThrow("face f32 [2, 33] is wider than 32");
});

it("refuses an activation that it does not know, by name", async () => {
  const config = parseFaceEncoderConfig(await readJson("tiny/encoder/config.json"));
  expect(() => parseFaceEncoderConfig({ ...config, hidden_act: "gelu_new" }, "encoder/config.json")).toThrow(
    /encoder\/config.json: hidden_act/,
  );
});

/** The same token ids in every row of a batch, i64 [count, L]. */
function rows(ids: readonly number[], count: number): Tensor {
  return { dtype: "i64", shape: [count, ids.length], data: BigInt64Array.from(Array(count).fill(ids).flat(), BigInt) };
}
