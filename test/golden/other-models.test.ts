import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { psnr } from "../../src/evaluation/similarities.js";
import { decodeImage } from "../../src/image/decode.js";
import type { Image } from "../../src/image/image.js";
import { toImages } from "../../src/image/network-output.js";
import { decodeTiny, parseTinyAutoencoderConfig } from "../../src/models/tiny-autoencoder.js";
import { Arc2Face, type GenerateOptions } from "../../src/pipeline/arc2face.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { Feeds, fixture, need, openWeights, readJson, readTensors } from "../support/fixtures.js";

/** Model folders unlike the official one in a part, from files to pictures. */

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "other-model-"));
  await cp(fixture("tiny"), folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

/** One image of the fixtures' face at seed 7, from the folder as it is now. */
async function generate(options: Omit<GenerateOptions, "faceEmbedding">): Promise<Image> {
  const { embedding } = (await readJson("pipeline/embedding.json")) as { embedding: number[] };
  const model = await Arc2Face.load(folder);
  try {
    for await (const image of model.generate({ faceEmbedding: embedding, seed: 7, ...options })) return image;
  } finally {
    await model.release();
  }
  throw new Error("no image came");
}

it("a scheduler config that predicts velocities from zero terminal SNR: as diffusers draws it", async () => {
  const path = join(folder, "scheduler/scheduler_config.json");
  const config = JSON.parse(await readFile(path, "utf8"));
  const keys = { prediction_type: "v_prediction", timestep_spacing: "trailing", rescale_betas_zero_snr: true };
  await writeFile(path, JSON.stringify({ ...config, ...keys }));
  const image = await generate({ sampler: "ddim", steps: 6, guidanceScale: 3, size: [48, 64] });
  expect(psnr(image, await decodeImage(fixture("pipeline/v-prediction-7.png")))).toBeGreaterThan(50);
});

it("the tiny autoencoder in place of the VAE: diffusers' latents through it", async () => {
  await rm(join(folder, "vae"), { recursive: true });
  await cp(fixture("autoencoders/taesd"), join(folder, "vae"), { recursive: true });
  // Four pixels to a latent here, too.
  const image = await generate({ sampler: "ddim", steps: 10, guidanceScale: 3, size: [48, 64] });

  const feeds = new Feeds();
  const latents = feeds.add("latents", need(await readTensors("pipeline/latents.safetensors"), "ddim"));
  const weights = await openWeights("autoencoders/taesd/diffusion_pytorch_model.safetensors");
  const config = parseTinyAutoencoderConfig(await readJson("autoencoders/taesd/config.json"));
  const { decoded } = await feeds.run({ decoded: decodeTiny(weights, config, latents) });
  const [expected] = toImages((decoded as Tensor<"f32">).data, { widthPx: 48, heightPx: 64 });
  expect(psnr(image, expected!)).toBeGreaterThan(50);
});
