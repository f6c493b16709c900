import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cast } from "../../src/graph/operators/index.js";
import type { Value } from "../../src/graph/value.js";
import type { Weights } from "../../src/graph/weights.js";
import { attentionLayer, feedForward, spatialTransformer, transformerLayer } from "../../src/models/attention.js";
import { downsample, resnetBlock, upsample } from "../../src/models/resnet.js";
import { timeEmbedding, unet } from "../../src/models/unet.js";
import { parseUNetConfig, type UNetConfig } from "../../src/models/unet-config.js";
import { cast as castTensor } from "../../src/tensor/convert.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { expectClose } from "../support/close.js";
import { Feeds, fixture, need, openWeights, readJson, readTensors } from "../support/fixtures.js";

/** Float32 sums in another order than PyTorch's; errors seen are about 1e-6. */
const tolerance = 1e-4;

/** The function that stands for each kind of diffusers module, and the operands recorded for it. */
const modules: { path: RegExp; build: (w: Weights, config: UNetConfig, ins: Value[], level: number) => Value }[] = [
  {
    path: /resnets\.\d+$/,
    build: (w, config, [x, temb], level) =>
      resnetBlock(w, x as Value, temb as Value, {
        outChannels: config.block_out_channels[level] as number,
        groups: config.norm_num_groups,
        eps: config.norm_eps,
      }),
  },
  {
    path: /attentions\.\d+$/,
    build: (w, config, [x, context]) => spatialTransformer(w, x as Value, context as Value, transformer(config)),
  },
  {
    path: /transformer_blocks\.\d+$/,
    build: (w, config, [x, context]) =>
      transformerLayer(w, x as Value, context as Value, config.attention_head_dim as number, false),
  },
  {
    path: /attn[12]$/,
    build: (w, config, [x, context]) =>
      attentionLayer(w, x as Value, context ?? (x as Value), config.attention_head_dim as number),
  },
  { path: /ff$/, build: (w, _, [x]) => feedForward(w, x as Value) },
  { path: /downsamplers\.0$/, build: (w, config, [x]) => downsample(w, x as Value, config.downsample_padding) },
  { path: /upsamplers\.0$/, build: (w, _, [x]) => upsample(w, x as Value) },
];

const transformer = (config: UNetConfig) => ({
  heads: config.attention_head_dim as number,
  layers: 1,
  groups: config.norm_num_groups,
  linearProjection: false,
  onlyCrossAttention: false,
});

/** The resolution level that a module works at. */
function levelOf(path: string, levels: number): number {
  const [, side, index] = path.match(/^(down|up)_blocks\.(\d+)/) ?? [];
  if (side === undefined) return levels - 1;
  return side === "down" ? Number(index) : levels - 1 - Number(index);
}

describe("UNet against diffusers", () => {
  it("agrees module by module", async () => {
    const tensors = await readTensors("parity/unet-modules.safetensors");
    const config = parseUNetConfig(await readJson("tiny/arc2face/config.json"));
    const weights = await openWeights("tiny/arc2face/diffusion_pytorch_model.safetensors");
    const feeds = new Feeds();
    const outputs: Record<string, Value> = {};
    for (const key of tensors.keys()) {
      const path = key.replace(/\/out$/, "");
      const module = key.endsWith("/out") && modules.find((candidate) => candidate.path.test(path));
      if (!module) continue;
      const ins = ["in0", "in1"].flatMap((name) => {
        const tensor = tensors.get(`${path}/${name}`);
        return tensor ? [feeds.add(`${path}/${name}`, tensor)] : [];
      });
      outputs[key] = module.build(weights.at(path), config, ins, levelOf(path, config.block_out_channels.length));
    }
    const timesteps = feeds.add("timesteps", float(need(tensors, "time_proj/in0")));
    outputs["time_embedding/out"] = timeEmbedding(weights.at("time_embedding"), config, timesteps);

    const results = await feeds.run(outputs);
    expect(Object.keys(results).length).toBeGreaterThan(30);
    for (const [key, result] of Object.entries(results)) expectClose(result, need(tensors, key), tolerance, key);
  });

  it.each(["shared", "each"])("agrees as a whole, non-square, with %s timesteps", async (name) => {
    const tensors = await readTensors("parity/unet.safetensors");
    const config = parseUNetConfig(await readJson("tiny/arc2face/config.json"));
    const weights = await openWeights("tiny/arc2face/diffusion_pytorch_model.safetensors");
    const feeds = new Feeds();
    const out = unet(
      weights,
      config,
      feeds.add("latents", need(tensors, "latents")),
      cast(feeds.add("timesteps", need(tensors, `${name}/timestep`)), "f32"),
      feeds.add("conditioning", need(tensors, "conditioning")),
    );
    expectClose((await feeds.run({ out })).out, need(tensors, `${name}/out`), tolerance);
  });

  it.each(readdirSync(fixture("unets")))("agrees for the config %s", async (name) => {
    const tensors = await readTensors(`unets/${name}/parity.safetensors`);
    const config = parseUNetConfig(await readJson(`unets/${name}/config.json`));
    const weights = await openWeights(`unets/${name}/diffusion_pytorch_model.safetensors`);
    const feeds = new Feeds();
    const out = unet(
      weights,
      config,
      feeds.add("latents", need(tensors, "latents")),
      feeds.add("timesteps", float(need(tensors, "timesteps"))),
      feeds.add("conditioning", need(tensors, "conditioning")),
    );
    expectClose((await feeds.run({ out })).out, need(tensors, "out"), tolerance);
  });
});

const float = (tensor: Tensor): Tensor => castTensor(tensor, "f32");
