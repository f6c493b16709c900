import { describe, expect, it } from "vitest";
import type { Value } from "../../src/graph/value.js";
import type { Weights } from "../../src/graph/weights.js";
import { spatialSelfAttention } from "../../src/models/attention.js";
import { decode, encode, parseAutoencoder } from "../../src/models/autoencoder.js";
import { downsample, resnetBlock, upsample } from "../../src/models/resnet.js";
import { decodeLatents, encodeImage, parseVaeConfig } from "../../src/models/vae.js";
import { expectClose } from "../support/close.js";
import { Feeds, need, openWeights, readJson, readTensors } from "../support/fixtures.js";

/** Float32 sums in another order than PyTorch's; errors seen are about 1e-6. */
const tolerance = 1e-4;
const blocks = { groups: 4, eps: 1e-6 };

const modules: { path: RegExp; build: (w: Weights, x: Value, outChannels: number) => Value }[] = [
  { path: /resnets\.\d+$/, build: (w, x, outChannels) => resnetBlock(w, x, undefined, { outChannels, ...blocks }) },
  { path: /attentions\.0$/, build: (w, x) => spatialSelfAttention(w, x, { heads: 1, ...blocks }) },
  { path: /downsamplers\.0$/, build: (w, x) => downsample(w, x, 0) },
  { path: /upsamplers\.0$/, build: (w, x) => upsample(w, x) },
];

describe("autoencoders against diffusers", () => {
  it("agrees module by module and as a whole, with the attention names of 2022", async () => {
    const tensors = await readTensors("parity/vae.safetensors");
    const config = parseVaeConfig(await readJson("tiny/vae/config.json"));
    const weights = await openWeights("tiny/vae/diffusion_pytorch_model.safetensors");
    const feeds = new Feeds();
    const outputs: Record<string, Value> = {};
    for (const [key, expected] of tensors) {
      const path = key.replace(/\/out$/, "");
      const module = key.endsWith("/out") && modules.find((candidate) => candidate.path.test(path));
      if (!module) continue;
      const x = feeds.add(`${path}/in0`, need(tensors, `${path}/in0`));
      outputs[key] = module.build(weights.at(path), x, expected.shape[1] as number);
    }
    const { mean, logvar } = encodeImage(weights, config, feeds.add("encode/in0", need(tensors, "encode/in0")));
    outputs["encode/mean"] = mean;
    outputs["encode/logvar"] = logvar;
    outputs["decode/out"] = decodeLatents(weights, config, feeds.add("decode/in0", need(tensors, "decode/in0")));

    const results = await feeds.run(outputs);
    expect(Object.keys(results).length).toBeGreaterThan(20);
    for (const [key, result] of Object.entries(results)) expectClose(result, need(tensors, key), tolerance, key);
  });

  it.each(["shifted", "no-attention", "taesd", "dc"])("agrees for the config %s", async (name) => {
    const tensors = await readTensors(`autoencoders/${name}/parity.safetensors`);
    const autoencoder = parseAutoencoder(await readJson(`autoencoders/${name}/config.json`));
    const weights = await openWeights(`autoencoders/${name}/diffusion_pytorch_model.safetensors`);
    const feeds = new Feeds();
    const { mean } = encode(weights, autoencoder, feeds.add("encode/in0", need(tensors, "encode/in0")));
    const decoded = decode(weights, autoencoder, feeds.add("decode/in0", need(tensors, "decode/in0")));
    const results = await feeds.run({ mean, decoded });
    expectClose(results.mean, need(tensors, "encode/mean"), tolerance);
    expectClose(results.decoded, need(tensors, "decode/out"), tolerance);
  });
});
