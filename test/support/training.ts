import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DatasetIndex, datasetFiles } from "../../src/data/dataset.js";
import { RowFileWriter } from "../../src/data/row-file.js";
import { cast } from "../../src/tensor/convert.js";
import { TorchGenerator } from "../../src/tensor/random.js";

/** Anything that looks like a hash. */
export const someHash = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Writes a dataset of random faces: smooth 8x8 latents of 2 channels, embeddings of 6 numbers. */
export async function writeDataset(
  folder: string,
  { count = 8, sizePx = 16, latentShape = [2, 4, 4] as [number, number, number], autoencoder = someHash("vae") } = {},
): Promise<void> {
  const rng = new TorchGenerator(5);
  await mkdir(folder, { recursive: true });
  const open = (name: "images" | "embeddings" | "latents", dtype: "u8" | "f32" | "f16", shape: number[]) =>
    RowFileWriter.open(join(folder, datasetFiles[name]), { name, dtype, shape }, 0);
  const images = await open("images", "u8", [sizePx, sizePx, 3]);
  const embeddings = await open("embeddings", "f32", [6]);
  const latents = await open("latents", "f16", [1, ...latentShape]);
  for (let i = 0; i < count; i++) {
    const { data } = rng.randint(0, 256, [3]);
    await images.append(Uint8Array.from({ length: sizePx * sizePx * 3 }, (_, k) => Number(data[k % 3])));
    const direction = rng.randn([6]).data;
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
    embeddings: { sha256: someHash("embeddings"), size: 6, recogniser: { name: "none", sha256: someHash("none") } },
    latents: { sha256: someHash("latents"), shape: latentShape, mirrored: false, autoencoder },
    skipped: 0,
  };
  await writeFile(join(folder, datasetFiles.index), JSON.stringify(index));
}
