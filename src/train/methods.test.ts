import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixture } from "../../test/support/fixtures.js";
import { tinyAutoencoder, tinyRecipe, writeDataset } from "../../test/support/training.js";
import { Dataset } from "../data/dataset.js";
import { encodeLatents } from "../data/encode-latents.js";
import { exportOnnx, type GraphInterface } from "../graph/export.js";
import { concat, mul, reduceMean, slice } from "../graph/operators/index.js";
import { input, type Value } from "../graph/value.js";
import { hashFile } from "../hub/hash.js";
import { Arc2Face, type LoadOptions } from "../pipeline/arc2face.js";
import { type ModelFolder, openAutoencoder, openModelFolder } from "../pipeline/model-folder.js";
import { openSafetensors, readTensor } from "../tensor/safetensors.js";
import { parseTrainConfig } from "./config.js";
import type { FinishedModel } from "./diffusion-networks.js";
import { trainArc2Face, trainAutoencoder, trainBase, trainDistill } from "./methods.js";

const folder = mkdtempSync(join(tmpdir(), "arc2face-methods-"));
const data = join(folder, "data");
let start: FinishedModel & Pick<ModelFolder, "manifest">;
beforeAll(async () => {
  const model = await openModelFolder(fixture("tiny"), join(folder, "cache"));
  start = { ...model, prompt: model.manifest.prompt, noise: model.scheduler.noise };
  await writeDataset(data, { latentShape: [4, 4, 4], vae: fixture("tiny/vae/diffusion_pytorch_model.safetensors") });
});
afterAll(() => rmSync(folder, { recursive: true }));

const recipe = {
  steps: 2,
  batchSize: 2,
  accumulate: 2,
  sizePx: 16,
  ema: null,
  learningRate: { peak: 1e-2 },
  samples: { count: 2, steps: 2 },
};
const train = (name: string, changes: object, projection: "encoder" | "mlp" = "encoder", datasets = [data]) =>
  trainArc2Face(parseTrainConfig("arc2face", { ...recipe, ...changes }, "recipe"), projection, start, {
    data: datasets,
    out: join(folder, name),
    resume: false,
    version: "test",
  });

async function generate(model: string, options: LoadOptions = {}): Promise<Uint8Array> {
  const loaded = await Arc2Face.load(model, options);
  const faceEmbedding = Array.from({ length: loaded.embeddingSize }, (_, i) => i + 1);
  const images: Uint8Array[] = [];
  for await (const { data } of loaded.generate({ faceEmbedding, seed: 1, steps: 2, size: 16 })) images.push(data);
  await loaded.release();
  return images[0] as Uint8Array;
}

describe("train arc2face", () => {
  it("trains a model on, freezes what the recipe says, and keeps the rest of the folder", async () => {
    const { model } = await train("whole", { parameters: [{ match: "unet.conv_in.*", freeze: true }] });
    const before = start.unet.weights;
    const after = await openSafetensors(join(model as string, "arc2face/diffusion_pytorch_model.safetensors"));
    expect([...after.entries.keys()].sort()).toEqual([...before.entries.keys()].sort());
    expect(await readTensor(after, "conv_in.weight")).toEqual(await readTensor(before, "conv_in.weight"));
    expect(await readTensor(after, "conv_out.weight")).not.toEqual(await readTensor(before, "conv_out.weight"));
    expect(await generate(model as string)).toHaveLength(16 * 16 * 3);
  });

  it("trains low-rank updates, which load as a LoRA of the starting model", async () => {
    const lora = { rank: 2, alpha: 6, match: ["unet.*.to_q.weight", "encoder.*.v_proj.weight"] };
    const { model } = await train("lora", { lora, learningRate: { peak: 0.1 } });
    const path = join(model as string, "pytorch_lora_weights.safetensors");
    const plain = await generate(model as string);
    expect(await generate(model as string, { loras: [{ path, scale: 0 }] })).toEqual(plain);
    expect(await generate(model as string, { loras: [{ path }] })).not.toEqual(plain);
  });

  it("has a discriminator learn beside the model, which is not part of it", async () => {
    const loss = { adversarial: { weight: 0.1, widths: [8, 16] } };
    const { model } = await train("adversarial", { loss });
    const lines = (await readFile(join(folder, "adversarial", "log.jsonl"), "utf8")).trim().split("\n");
    const { discriminator } = JSON.parse(lines[1] as string);
    expect(discriminator).not.toBe(JSON.parse(lines[0] as string).discriminator);
    const after = await openSafetensors(join(model as string, "arc2face/diffusion_pytorch_model.safetensors"));
    expect([...after.entries.keys()].sort()).toEqual([...start.unet.weights.entries.keys()].sort());
    const lora = { rank: 2, alpha: 6, match: ["unet.*.to_q.weight"] };
    await expect(train("adversarial-lora", { loss, lora })).rejects.toThrow(/loss\.adversarial: with lora/);
  });

  it("looks at its own images, of nobody too, as a recogniser and another network see them", async () => {
    const file = async (name: string, graph: GraphInterface) => {
      const path = join(folder, `${name}.onnx`);
      await writeFile(path, exportOnnx(graph).bytes);
      return { source: `file:${path}`, sha256: await hashFile(path, "sha256") };
    };
    const colours = (faces: Value) => reduceMean(faces, { axes: [2, 3] });
    const crop = input("crop", "f32", ["batch", 3, 112, 112]);
    const embedding = concat([colours(crop), mul(colours(crop), 2)], 1);
    const recogniser = await file("recogniser", { inputs: [crop], outputs: { embedding } });
    const faces = input("faces", "f32", ["batch", 3, 24, 24]);
    const network = await file("seen", { inputs: [faces], outputs: { seen: colours(faces) } });
    const of = input("embedding", "f32", ["batch", 6]);
    const expected = await file("expected", { inputs: [of], outputs: { expected: slice(of, 1, 0, 3) } });
    const own = join(folder, "data-own");
    const vae = fixture("tiny/vae/diffusion_pytorch_model.safetensors");
    await writeDataset(own, { latentShape: [4, 4, 4], vae, recogniser: { name: "tiny", sha256: recogniser.sha256 } });
    const features = { network: network.source, expected: expected.source, weight: 1 };
    const config = {
      schedule: { prediction: "v_prediction", zeroTerminalSnr: true },
      loss: {
        identity: { recogniser: recogniser.source, weight: 1, own: { steps: 2, drawnShare: 0.5 }, features },
        adversarial: { weight: 0.1, widths: [8, 16] },
      },
    };
    const { model } = await train("own", config, "encoder", [own]);
    const run = JSON.parse(await readFile(join(folder, "own", "run.json"), "utf8"));
    expect(run.hashes).toMatchObject({ features: network.sha256, expected: expected.sha256 });
    const [line] = (await readFile(join(folder, "own", "log.jsonl"), "utf8")).split("\n");
    const { identity, features: apart } = JSON.parse(line as string);
    for (const distance of [identity, apart]) expect(distance).toBeGreaterThan(0);
    expect(await generate(model as string)).toHaveLength(16 * 16 * 3);
    await expect(train("strangers", config)).rejects.toThrow(/embeddings are of none .* not of this recogniser/);
  });

  it("trains the paper's MLP in the encoder's place", async () => {
    const mlp = { model_type: "face_mlp", hidden_size: 32, intermediate_size: 16, max_position_embeddings: 13 };
    await expect(train("none", {}, "mlp")).rejects.toThrow(/no projection\.mlp/);
    const { model } = await train("mlp", { projection: { mlp } }, "mlp");
    expect(await generate(model as string)).toHaveLength(16 * 16 * 3);
  });
});

describe("train base", () => {
  it("trains an identity map and squares from nothing, for images of its size", async () => {
    const data = join(folder, "data-for-map");
    await writeDataset(data);
    const { unet, projection } = tinyRecipe(8);
    const map = { rank: 2, limit: 9, height: 8, width: 8 };
    const config = tinyRecipe(8, {
      steps: 3,
      unet: { ...unet, in_channels: 4, identity_map: map },
      projection: { encoder: { ...projection.encoder, identity_squares: 7 } },
    });
    const run = { data: [data], out: join(folder, "map"), resume: false, version: "test" };
    const { model } = await trainBase(config, "encoder", await tinyAutoencoder(), run);
    const weights = await openSafetensors(join(model as string, "arc2face/diffusion_pytorch_model.safetensors"));
    const up = await readTensor(weights, "identity_map.up.weight");
    expect(up.shape).toEqual([4 * 8 * 8, 2]);
    expect((up.data as Float32Array).some((value) => value !== 0)).toBe(true);
    const encoder = await openSafetensors(join(model as string, "encoder/model.safetensors"));
    const squares = await readTensor(encoder, "identity_squares.up.weight");
    expect(squares.shape).toEqual([16, 7]);
    expect((squares.data as Float32Array).some((value) => value !== 0)).toBe(true);
    expect(await generate(model as string)).toHaveLength(16 * 16 * 3);
    const loaded = await Arc2Face.load(model as string);
    const faceEmbedding = [1, 2, 3, 4, 5, 6];
    expect(() => loaded.describe({ faceEmbedding, size: 32 })).toThrow(/images of 16x16 only/);
    await loaded.release();
  });
});

describe("train distill", () => {
  const distil = (name: string, changes: object, from: Partial<FinishedModel> = {}) =>
    trainDistill(
      parseTrainConfig("distill", { ...recipe, samples: { count: 2, steps: 3 }, ...changes }, "recipe"),
      { ...start, manifest: { ...start.manifest, embeddingSize: 6, recogniser: undefined }, ...from },
      { data: [data], out: join(folder, name), resume: false, version: "test" },
    );
  const json = async (model: string, name: string) => JSON.parse(await readFile(join(model, name), "utf8"));

  it("makes a model that the lcm sampler is the default of, with the encoder that it was given", async () => {
    const model = (await distil("distilled", { originalSteps: 20 })).model as string;
    expect(await json(model, "arc2face.json")).toMatchObject({
      embeddingSize: 6,
      defaults: { sampler: "lcm", steps: 3, guidanceScale: 1 },
    });
    const scheduler = { _class_name: "LCMScheduler", prediction_type: "epsilon", original_inference_steps: 20 };
    expect(await json(model, "scheduler/scheduler_config.json")).toMatchObject({ ...scheduler, timestep_scaling: 10 });
    const opened = await openModelFolder(model, join(folder, "cache"));
    expect(opened.scheduler.sampler).toMatchObject({ originalSteps: 20, timestepScaling: 10 });
    expect([...opened.unet.weights.entries.keys()].sort()).toEqual([...start.unet.weights.entries.keys()].sort());
    expect(await readTensor(opened.unet.weights, "conv_in.weight")).not.toEqual(
      await readTensor(start.unet.weights, "conv_in.weight"),
    );
    expect(await hashFile(opened.encoder.weights.path, "sha256")).toBe(
      await hashFile(start.encoder.weights.path, "sha256"),
    );
    const loaded = await Arc2Face.load(model);
    const [record] = loaded.describe({ faceEmbedding: [1, 2, 3, 4, 5, 6], seed: 1 });
    expect(record).toMatchObject({ sampler: "lcm", steps: 3, guidanceScale: 1 });
    await loaded.release();
  });

  it("trains low-rank updates alone, as LCM-LoRA", async () => {
    const lora = { rank: 2, alpha: 2, match: ["unet.*.to_q.weight"] };
    const model = (await distil("distilled-lora", { lora, loss: { kind: "l2" } })).model as string;
    const { entries } = await openSafetensors(join(model, "pytorch_lora_weights.safetensors"));
    expect([...entries.keys()].every((key) => /^unet\..*to_q\.lora_[AB]\.weight$/.test(key))).toBe(true);
    expect(await hashFile(join(model, "arc2face/diffusion_pytorch_model.safetensors"), "sha256")).toBe(
      await hashFile(start.unet.weights.path, "sha256"),
    );
    expect(await json(model, "arc2face.json")).toMatchObject({ defaults: start.manifest.defaults });
  });

  it("refuses what cannot be distilled", async () => {
    await expect(distil("other", {}, { manifest: start.manifest })).rejects.toThrow(
      /embeddings of none \(6 numbers\).*\(24 numbers\)/,
    );
    await expect(distil("other", {}, { noise: { ...start.noise, zeroTerminalSnr: true } })).rejects.toThrow(
      /predicts noise.*distil one that predicts v/,
    );
    await expect(distil("other", { originalSteps: 2 })).rejects.toThrow(/3 steps; use at most 2/);
    await expect(distil("other", { originalSteps: 1001 })).rejects.toThrow(/1000 training steps/);
  });
});

it.each([
  ["AutoencoderKL", { block_out_channels: [8, 8], norm_num_groups: 4, mid_block_add_attention: false }, 5e-3],
  [
    "AutoencoderTiny",
    {
      encoder_block_out_channels: [8, 8],
      decoder_block_out_channels: [8, 8],
      num_encoder_blocks: [0, 1],
      num_decoder_blocks: [1, 0],
    },
    2e-3,
  ],
  [
    "AutoencoderDC",
    {
      latent_channels: 4,
      encoder_block_types: "ResBlock",
      decoder_block_types: "ResBlock",
      encoder_block_out_channels: [8, 8],
      decoder_block_out_channels: [8, 8],
      encoder_layers_per_block: [0, 1],
      decoder_layers_per_block: [0, 1],
    },
    5e-3,
  ],
])(
  "train autoencoder lowers the error of an %s, and measures the scaling factor",
  async (kind, networkConfig, peak) => {
    const config = {
      ...recipe,
      steps: 60,
      accumulate: 1,
      batchSize: 4,
      mirror: true,
      learningRate: { peak, shape: "cosine" },
      autoencoder: { _class_name: kind, ...networkConfig },
      loss: { kl: 1e-4 },
      exportDType: "f16",
    };
    const losses: number[] = [];
    const { model } = await trainAutoencoder(
      parseTrainConfig("autoencoder", config, "recipe"),
      {},
      {
        data: [data],
        out: join(folder, kind),
        resume: false,
        version: "test",
        onProgress: ({ loss }) => losses.push(loss),
      },
    );
    expect(losses.at(-1)).toBeLessThan(0.7 * (losses[0] as number));
    const weights = await openSafetensors(join(model as string, "vae/diffusion_pytorch_model.safetensors"));
    expect(new Set([...weights.entries.values()].map(({ dtype }) => dtype))).toEqual(new Set(["f16"]));

    const autoencoder = await openAutoencoder(model as string, join(folder, "cache"));
    const { latents } = await encodeLatents(data, { autoencoder, mirror: true });
    expect(latents).toMatchObject({ shape: [4, 8, 8], mirrored: true });
    const dataset = await Dataset.open(data);
    const rows = await Promise.all(Array.from({ length: 8 }, (_, row) => dataset.readLatents(row, false)));
    const values = rows.flatMap((row) => [...row]);
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    // Weights and latents were rounded to f16 since it was measured.
    expect(variance).toBeCloseTo(1, 2);
    expect(await dataset.readLatents(3, true)).toHaveLength(4 * 8 * 8);
    await dataset.close();
  },
);

it("brings an autoencoder's latents near another's", async () => {
  const near = await openAutoencoder(fixture("tiny"), join(folder, "cache"));
  const config = {
    ...recipe,
    steps: 60,
    accumulate: 1,
    batchSize: 4,
    learningRate: { peak: 5e-3, shape: "cosine" },
    autoencoder: near.config,
    // So heavy that it is nearly all of the loss.
    loss: { near: 100 },
  };
  const losses: number[] = [];
  const options = { data: [data], out: join(folder, "near"), resume: false, version: "test" };
  await trainAutoencoder(
    parseTrainConfig("autoencoder", config, "recipe"),
    { near },
    { ...options, onProgress: ({ loss }) => losses.push(loss) },
  );
  expect(losses.at(-1)).toBeLessThan(0.5 * (losses[0] as number));

  const without = parseTrainConfig("autoencoder", { ...config, loss: {} }, "recipe");
  await expect(trainAutoencoder(without, { near }, options)).rejects.toThrow(/loss.near in the recipe and --near/);
  const other = { ...config, autoencoder: { ...config.autoencoder, latent_channels: 8 } };
  await expect(trainAutoencoder(parseTrainConfig("autoencoder", other, "recipe"), { near }, options)).rejects.toThrow(
    "latents of 8 channels at 1/4 of the size cannot resemble latents of 4 channels at 1/4 of the size",
  );
});

it("trains the decoder of an autoencoder on, whose latents stay as they are", async () => {
  const start = await openAutoencoder(fixture("tiny"), join(folder, "cache"));
  const config = { ...recipe, parameters: [{ match: "vae.encoder.*", freeze: true }], loss: { kl: 0 } };
  const { model } = await trainAutoencoder(
    parseTrainConfig("autoencoder", config, "recipe"),
    { start },
    {
      data: [data],
      out: join(folder, "decoder"),
      resume: false,
      version: "test",
    },
  );
  const after = await openAutoencoder(model as string, join(folder, "cache"));
  expect(after.config).toEqual(start.config);
  const both = async (name: string) =>
    (await Promise.all([start, after].map(({ weights }) => readTensor(weights, name)))).map(({ data }) => [...data]);
  const [before, kept] = await both("encoder.conv_out.weight");
  expect(kept).toEqual(before);
  const [old, changed] = await both("decoder.conv_out.weight");
  expect(changed).not.toEqual(old);
  const nothing = parseTrainConfig("autoencoder", config, "recipe");
  await expect(
    trainAutoencoder(nothing, {}, { data: [data], out: join(folder, "none"), resume: false, version: "test" }),
  ).rejects.toThrow(/describes no autoencoder/);
});
