import { cp, mkdtemp, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fixture } from "../../test/support/fixtures.js";
import { CheckpointError } from "../errors.js";
import { decoderModel, encoderModel, unetModel } from "./graphs.js";
import { type ModelFolder, openModelFolder } from "./model-folder.js";

let parent: string;
let folder: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "model-folder-"));
  folder = join(parent, "model");
  await cp(fixture("tiny"), folder, { recursive: true });
});
afterEach(() => rm(parent, { recursive: true }));

const open = () => openModelFolder(folder, join(parent, "cache"));

/** Changes some keys of a JSON file of the model; undefined takes one out. */
async function change(file: string, keys: Record<string, unknown>): Promise<void> {
  const path = join(folder, file);
  const json = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify({ ...json, ...keys }));
}

/** Writes the graphs of all networks, which looks at every weight's name and shape. */
function build(model: ModelFolder): void {
  encoderModel(model, (weights) => weights);
  unetModel(model, (weights) => weights, 8, 8);
  decoderModel(model, 8, 8);
}

/** The message of the CheckpointError that opening and building give. */
async function refusal(): Promise<string> {
  try {
    build(await open());
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as Error).message;
  }
  throw new Error("the model was accepted");
}

describe("a model folder", () => {
  it("has the official names, or those of diffusers", async () => {
    const official = await open();
    build(official);
    await rename(join(folder, "arc2face"), join(folder, "unet"));
    await rename(join(folder, "encoder"), join(folder, "text_encoder"));
    const renamed = await open();
    build(renamed);
    expect(renamed.unet.config).toEqual(official.unet.config);
    expect(renamed.unet.weights.path).toBe(join(folder, "unet/diffusion_pytorch_model.safetensors"));
  });

  it("is read without scheduler/, as Stable Diffusion 1.5", async () => {
    const { scheduler } = await open();
    await rm(join(folder, "scheduler"), { recursive: true });
    expect((await open()).scheduler).toEqual(scheduler);
  });

  it("has its torch pickle rewritten once", async () => {
    const first = await open();
    expect(first.encoder.weights.path).toMatch(/cache.converted.[0-9a-f]{32}.pytorch_model\.safetensors$/);
    const again = await open();
    expect(again.encoder.weights.path).toBe(first.encoder.weights.path);
  });
});

describe("what is refused, by name", () => {
  it.each(["arc2face", "encoder", "vae"])("a folder without %s/", async (name) => {
    await rm(join(folder, name), { recursive: true });
    expect(await refusal()).toContain(`has no ${name}/config.json`);
  });

  it.each([
    ["vae/diffusion_pytorch_model.safetensors", "vae holds no weights; expected diffusion_pytorch_model.safetensors"],
    ["encoder/pytorch_model.bin", "encoder holds no weights"],
  ])("a folder without %s", async (file, message) => {
    await rm(join(folder, file));
    expect(await refusal()).toContain(message);
  });

  it.each([
    ["arc2face/diffusion_pytorch_model.safetensors", 0.9],
    ["vae/diffusion_pytorch_model.safetensors", 0.01],
    ["encoder/pytorch_model.bin", 0.5],
  ])("%s, cut to %f of its length", async (file, share) => {
    const path = join(folder, file);
    await truncate(path, Math.floor((await readFile(path)).length * share));
    expect(await refusal()).toContain(path);
  });

  it.each([
    ["arc2face/config.json", { layers_per_block: 2 }, /weight "down_blocks\.0\.resnets\.1\.norm1\.weight" is missing/],
    ["arc2face/config.json", { norm_eps: "small" }, /arc2face.config\.json: norm_eps: /],
    [
      "arc2face/config.json",
      { block_out_channels: [12, 48] },
      /"down_blocks\.1\.resnets\.0\.conv1\.weight" has shape \[24, 12, 3, 3\], the network expects \[48, 12, 3, 3\]/,
    ],
    ["arc2face/config.json", { mid_block_type: null }, /holds \d+ weights that .* does not describe.*"mid_block\./],
    ["arc2face/config.json", { block_out_channels: [12] }, /down_block_types: 2 entries for 1 blocks/],
    [
      "encoder/config.json",
      { num_hidden_layers: 3 },
      /"text_model\.encoder\.layers\.2\.layer_norm1\.weight" is missing/,
    ],
    ["encoder/config.json", { num_hidden_layers: 1 }, /holds 16 weights .*"text_model\.encoder\.layers\.1\./],
    ["encoder/config.json", { intermediate_size: 49 }, /fc1\.weight" has shape \[48, 32\], .* \[49, 32\]/],
    ["encoder/config.json", { hidden_act: "relu" }, /encoder.config\.json: hidden_act/],
    ["vae/config.json", { block_out_channels: [8, 16, 16] }, /has shape .* the network expects/],
    ["vae/config.json", { colours: 4 }, /vae.config\.json: unknown keys colours/],
    ["vae/config.json", { act_fn: "mish" }, /vae.config\.json: act_fn: "mish" is not supported/],
    ["vae/config.json", { _class_name: "AutoencoderTiny" }, /vae.config\.json: .*unknown keys down_block_types/],
    ["scheduler/scheduler_config.json", { prediction_type: "flow" }, /scheduler_config\.json: .*\n.*prediction_type/],
    ["arc2face.json", { embedingSize: 24 }, /arc2face\.json: unknown keys embedingSize/],
    ["arc2face.json", { defaults: { sampler: "plms" } }, /arc2face\.json: defaults\.sampler: /],
  ])("%s with %j", async (file, keys, message) => {
    await change(file, keys);
    expect(await refusal()).toMatch(message);
  });

  it.each([
    [{ embeddingSize: 33 }, "embeddings of 33 numbers do not fit the encoder's hidden_size 32"],
    [{ embeddingSize: undefined }, "embeddings of 512 numbers do not fit"],
    [{ prompt: undefined }, "token 49406 of the prompt is outside of the encoder's vocab_size 64"],
    [{ prompt: { tokens: Array(14).fill(1), idToken: 1, unconditional: [1] } }, "tokens has 14 ids"],
    [{ prompt: { tokens: [3, 1], idToken: 1, unconditional: [3] } }, "unconditional has 1 ids and tokens 2"],
    [{ prompt: { tokens: [3, 1], idToken: 2, unconditional: [3, 3] } }, "idToken does not occur in tokens"],
  ])("arc2face.json that does not fit the encoder: %j", async (keys, message) => {
    await change("arc2face.json", keys);
    expect(await refusal()).toContain(message);
  });

  it.each([
    [{ cross_attention_dim: 24 }, "cross_attention_dim 24 is not the encoder's hidden_size 32"],
    [{ in_channels: 9 }, "in_channels 9 and out_channels 4 differ"],
    [{ in_channels: 8, out_channels: 8 }, "in_channels 8 is not the VAE's latent_channels 4"],
  ])("a UNet of another model: %j", async (keys, message) => {
    await change("arc2face/config.json", keys);
    expect(await refusal()).toContain(message);
  });
});
