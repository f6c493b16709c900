import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DatasetIndex, datasetFiles } from "../../src/data/dataset.js";
import { RowFileWriter } from "../../src/data/row-file.js";
import type { RecogniserId } from "../../src/face/recogniser.js";
import { hashFile } from "../../src/hub/hash.js";
import { parseAutoencoder } from "../../src/models/autoencoder.js";
import { cast } from "../../src/tensor/convert.js";
import { TorchGenerator } from "../../src/tensor/random.js";
import { openSafetensors } from "../../src/tensor/safetensors.js";
import { type BaseConfig, parseTrainConfig } from "../../src/train/config.js";
import { fixture, readJson } from "./fixtures.js";

/** Anything that looks like a hash. */
export const someHash = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Writes a dataset of random faces: latents of 4 channels, embeddings of 6 numbers unless `embeddingSize` says otherwise. */
export async function writeDataset(
  folder: string,
  options: {
    count?: number;
    people?: number;
    sizePx?: number;
    latentShape?: [number, number, number];
    vae?: string;
    embeddingSize?: number;
    recogniser?: RecogniserId;
  } = {},
): Promise<void> {
  const {
    count = 8,
    people = count,
    sizePx = 16,
    latentShape = [4, 8, 8],
    vae = (await tinyAutoencoder()).weights.path,
    embeddingSize = 6,
    recogniser = { name: "none", sha256: someHash("none") },
  } = options;
  const autoencoder = await hashFile(vae, "sha256");
  const rng = new TorchGenerator(5);
  await mkdir(folder, { recursive: true });
  const open = (name: "images" | "embeddings" | "latents", dtype: "u8" | "f32" | "f16", shape: number[]) =>
    RowFileWriter.open(join(folder, datasetFiles[name]), { name, dtype, shape }, 0);
  const images = await open("images", "u8", [sizePx, sizePx, 3]);
  const embeddings = await open("embeddings", "f32", [embeddingSize]);
  const latents = await open("latents", "f16", [1, ...latentShape]);
  const directions: Float32Array[] = [];
  for (let i = 0; i < count; i++) {
    // From one colour at the left to another at the right.
    const colours = Array.from(rng.randint(0, 256, [6]).data, Number);
    const blend = (channel: number, share: number) =>
      (colours[channel] as number) * (1 - share) + (colours[channel + 3] as number) * share;
    const pixel = (_: unknown, k: number) => blend(k % 3, (Math.floor(k / 3) % sizePx) / sizePx);
    await images.append(Uint8Array.from({ length: sizePx * sizePx * 3 }, pixel));
    directions.push(rng.randn([embeddingSize]).data);
    const direction = directions[i % people] as Float32Array;
    await embeddings.append(direction.map((value) => value / Math.hypot(...direction)));
    await latents.append(cast(rng.randn([1, ...latentShape]), "f16").data);
  }
  for (const file of [images, embeddings, latents]) await file.finish();
  const index: DatasetIndex = {
    format: "arc2face-dataset",
    version: 1,
    count,
    sizePx,
    images: { sha256: someHash("images") },
    embeddings: { sha256: someHash("embeddings"), size: embeddingSize, recogniser },
    latents: { sha256: someHash("latents"), shape: latentShape, mirrored: false, autoencoder },
    skipped: 0,
  };
  await writeFile(join(folder, datasetFiles.index), JSON.stringify(index));
}

/** An autoencoder of random weights: 4 channels, 2 pixels a latent. */
export async function tinyAutoencoder() {
  const path = "autoencoders/no-attention";
  const weights = await openSafetensors(fixture(`${path}/diffusion_pytorch_model.safetensors`));
  return { ...parseAutoencoder(await readJson(`${path}/config.json`)), weights };
}

/** A recipe for `train base` whose network has `width` and `2 width` channels; `changes` go on top. */
export function tinyRecipe(width: number, changes: object = {}): BaseConfig {
  const recipe = {
    steps: 20,
    batchSize: 4,
    sizePx: 16,
    learningRate: { peak: 1e-2, shape: "cosine", warmupSteps: 5 },
    optimizer: { clipNorm: 1, weightDecay: 0 },
    ema: { decay: 0.9 },
    identityDropout: 0,
    schedule: { prediction: "sample" },
    unet: {
      block_out_channels: [width, 2 * width],
      layers_per_block: 1,
      down_block_types: ["CrossAttnDownBlock2D", "DownBlock2D"],
      up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D"],
      norm_num_groups: 4,
      cross_attention_dim: 16,
      attention_head_dim: 2,
    },
    projection: {
      encoder: {
        model_type: "clip_text_model",
        vocab_size: 8,
        hidden_size: 16,
        intermediate_size: 32,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        max_position_embeddings: 5,
      },
      mlp: { model_type: "face_mlp", hidden_size: 16, intermediate_size: 24, max_position_embeddings: 5 },
    },
    prompt: { tokens: [1, 2, 3, 4, 0], idToken: 3, unconditional: [1, 0, 0, 0, 0] },
    samples: { every: 1000, count: 2, steps: 2, guidanceScale: 1 },
    ...changes,
  };
  return parseTrainConfig("base", recipe, "recipe");
}
