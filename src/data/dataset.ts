import { createHash } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { CheckpointError, InputError } from "../errors.js";
import { cast } from "../tensor/convert.js";
import { RowFile } from "./row-file.js";

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const positive = z.int().positive();

/** `dataset.json`: what the folder holds. docs/training.md describes the format. */
export const datasetSchema = z.strictObject({
  format: z.literal("arc2face-dataset"),
  version: z.literal(1),
  /** Faces; at least one. */
  count: positive,
  /** Width and height of the images. */
  sizePx: positive,
  images: z.strictObject({ sha256: hash }),
  embeddings: z.strictObject({
    sha256: hash,
    size: positive,
    recogniser: z.strictObject({ name: z.string(), sha256: hash }),
  }),
  /** Absent until `arc2face dataset encode` was run. */
  latents: z
    .strictObject({
      sha256: hash,
      /** [channels, height, width], multiplied by the autoencoder's scaling factor. */
      shape: z.tuple([positive, positive, positive]),
      /** Each row holds the latents of the image and of its mirror image. */
      mirrored: z.boolean(),
      /** Weights of the autoencoder. */
      autoencoder: hash,
    })
    .optional(),
  /** Photos that were left out; skipped.jsonl names them. */
  skipped: z.int().nonnegative(),
});

export type DatasetIndex = z.output<typeof datasetSchema>;

/** Files of a dataset's folder. */
export const datasetFiles = {
  index: "dataset.json",
  images: "images.safetensors",
  embeddings: "embeddings.safetensors",
  latents: "latents.safetensors",
  names: "names.txt",
  skipped: "skipped.jsonl",
} as const;

/** What training reads: the rows of one dataset, or of several. */
export interface FaceRows {
  /** Folders, for messages. */
  readonly name: string;
  readonly count: number;
  /** What all rows have. */
  readonly index: Pick<DatasetIndex, "sizePx" | "embeddings" | "latents">;
  /** Changes with any of the data. */
  readonly sha256: string;
  /** uint8 [sizePx, sizePx, 3] */
  readImage(row: number): Promise<Uint8Array>;
  /** float32 [E], unit norm */
  readEmbedding(row: number): Promise<Float32Array>;
  /**
   * float32 [C, H, W], on the diffusion model's scale
   * @param mirrored those of the mirror image, where the dataset has them
   * @throws InputError if the latents were not computed
   */
  readLatents(row: number, mirrored: boolean): Promise<Float32Array>;
  /** Which dataset a row is of, from 0. */
  groupOf(row: number): number;
  close(): Promise<void>;
}

/** Faces of one size with their embeddings, and on request their latents. Rows are read from disk when asked for. */
export class Dataset implements FaceRows {
  private constructor(
    readonly folder: string,
    readonly index: DatasetIndex,
    /** Hash of the index, which holds the hashes of all files. */
    readonly sha256: string,
    private readonly images: RowFile<"u8">,
    private readonly embeddings: RowFile<"f32">,
    private readonly latents: RowFile<"f16"> | undefined,
  ) {}

  /**
   * Opens a dataset without reading its rows.
   * @throws InputError if there is none at `folder`, or its preparation was not finished
   * @throws CheckpointError if the folder is damaged
   */
  static async open(folder: string): Promise<Dataset> {
    const text = await readFile(join(folder, datasetFiles.index), "utf8").catch(async () => {
      const begun = await access(join(folder, datasetFiles.images)).then(
        () => true,
        () => false,
      );
      throw new InputError(
        begun
          ? `${folder}: the dataset is not finished; run arc2face dataset prepare again to go on`
          : `${folder} is no dataset; make one with arc2face dataset prepare`,
      );
    });
    const index = parseIndex(text, join(folder, datasetFiles.index));
    const images = await RowFile.open(join(folder, datasetFiles.images), "images", "u8", 4);
    const embeddings = await RowFile.open(join(folder, datasetFiles.embeddings), "embeddings", "f32", 2);
    const latents = index.latents && (await RowFile.open(join(folder, datasetFiles.latents), "latents", "f16", 5));
    for (const file of [images, embeddings, latents]) {
      if (file && file.count !== index.count) {
        throw new CheckpointError(`${folder}: ${file.count} rows for ${index.count} faces; prepare the data again`);
      }
    }
    const sha256 = createHash("sha256").update(text).digest("hex");
    return new Dataset(folder, index, sha256, images, embeddings, latents);
  }

  get name(): string {
    return this.folder;
  }

  get count(): number {
    return this.index.count;
  }

  groupOf(): number {
    return 0;
  }

  readImage(row: number): Promise<Uint8Array> {
    return this.images.read(row);
  }

  readEmbedding(row: number): Promise<Float32Array> {
    return this.embeddings.read(row);
  }

  async readLatents(row: number, mirrored: boolean): Promise<Float32Array> {
    if (!this.latents) {
      throw new InputError(`${this.folder} holds no latents; run arc2face dataset encode with the autoencoder`);
    }
    const both = cast({ dtype: "f16", shape: this.latents.shape, data: await this.latents.read(row) }, "f32").data;
    const length = both.length / (this.latents.shape[0] as number);
    const start = mirrored && this.index.latents?.mirrored ? length : 0;
    return both.subarray(start, start + length);
  }

  async close(): Promise<void> {
    await Promise.all([this.images.close(), this.embeddings.close(), this.latents?.close()]);
  }
}

function parseIndex(text: string, path: string): DatasetIndex {
  try {
    return datasetSchema.parse(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : "it is not JSON";
    throw new CheckpointError(`${path} is damaged: ${reason}`, { cause });
  }
}
