import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { packRgb } from "../face/network-input.js";
import { exportOnnx } from "../graph/export.js";
import { input } from "../graph/value.js";
import { FileWeights, Weights } from "../graph/weights.js";
import { hashFile } from "../hub/hash.js";
import { image, mirrorImage } from "../image/image.js";
import { type Autoencoder, encode, latentFactor, toDiffusionScale } from "../models/autoencoder.js";
import { Session, type SessionOptions } from "../runtime/session.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { cast } from "../tensor/convert.js";
import type { SafetensorsFile } from "../tensor/safetensors.js";
import type { Tensor } from "../tensor/tensor.js";
import { Dataset, type DatasetIndex, datasetFiles } from "./dataset.js";
import { RowFileWriter } from "./row-file.js";

export interface EncodeOptions extends Pick<SessionOptions, "device" | "threads"> {
  readonly autoencoder: Autoencoder & { readonly weights: SafetensorsFile };
  /** Also of each image's mirror image. */
  readonly mirror: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

const progressFile = "latents-progress.json";
const saveEvery = 64;

/**
 * Computes the latents of a dataset's images: the mean of the autoencoder's distribution, scaled for diffusion. Earlier
 * latents are replaced. A second call goes on after an interruption.
 * @throws InputError if the images do not divide into latents
 */
export async function encodeLatents(folder: string, options: EncodeOptions): Promise<DatasetIndex> {
  const { autoencoder, mirror, signal, onProgress } = options;
  const factor = latentFactor(autoencoder);
  const dataset = await Dataset.open(folder);
  const { sizePx } = dataset.index;
  if (sizePx % factor !== 0) {
    await dataset.close();
    throw new InputError(`${folder}: images of ${sizePx} pixels do not divide into latents of ${factor}`);
  }
  const side = sizePx / factor;
  const shape: [number, number, number] = [autoencoder.config.latent_channels, side, side];
  const job = { autoencoder: await hashFile(autoencoder.weights.path, "sha256", signal), mirror };
  const path = join(folder, datasetFiles.latents);
  const done = await readProgress(folder, job);
  // Without latents in its index while they are being written, the dataset stays one that can be opened.
  await writeIndex(folder, { ...dataset.index, latents: undefined });
  const variants = mirror ? 2 : 1;
  const rows = await RowFileWriter.open(path, { name: "latents", dtype: "f16", shape: [variants, ...shape] }, done);
  const session = await loadEncoder(options, sizePx);
  try {
    for (let row = done; row < dataset.count; row++) {
      signal?.throwIfAborted();
      const picture = image(sizePx, sizePx, await dataset.readImage(row));
      const images = packRgb(mirror ? [picture, mirrorImage(picture)] : [picture], { mean: 127.5, std: 127.5 });
      const { latents } = await session.run({ images });
      await rows.append(cast(latents as Tensor<"f32">, "f16").data);
      if ((row + 1) % saveEvery === 0) {
        await rows.sync();
        await writeFileAtomic(join(folder, progressFile), JSON.stringify({ ...job, rows: row + 1 }));
      }
      onProgress?.({ done: row + 1, total: dataset.count });
    }
    await rows.finish();
  } catch (error) {
    await rows.close();
    throw error;
  } finally {
    await session.release();
    await dataset.close();
  }
  const sha256 = await hashFile(path, "sha256", signal);
  const index = { ...dataset.index, latents: { sha256, shape, mirrored: mirror, autoencoder: job.autoencoder } };
  await writeIndex(folder, index);
  await rm(join(folder, progressFile), { force: true });
  return index;
}

function loadEncoder({ autoencoder, mirror, device, threads }: EncodeOptions, sizePx: number): Promise<Session> {
  const images = input("images", "f32", [mirror ? 2 : 1, 3, sizePx, sizePx]);
  const { mean } = encode(new Weights(new FileWeights(autoencoder.weights)), autoencoder, images);
  const latents = toDiffusionScale(autoencoder, mean);
  return Session.load(exportOnnx({ inputs: [images], outputs: { latents } }), {
    ...(device && { device }),
    ...(threads !== undefined && { threads }),
  });
}

/** Rows that an interrupted job of the same kind has written. */
async function readProgress(folder: string, job: { autoencoder: string; mirror: boolean }): Promise<number> {
  const text = await readFile(join(folder, progressFile), "utf8").catch(() => "{}");
  const { rows, ...before } = JSON.parse(text) as { rows?: number };
  return JSON.stringify(before) === JSON.stringify(job) ? (rows ?? 0) : 0;
}

async function writeIndex(folder: string, index: DatasetIndex): Promise<void> {
  await writeFileAtomic(join(folder, datasetFiles.index), `${JSON.stringify(index, null, 2)}\n`);
}
