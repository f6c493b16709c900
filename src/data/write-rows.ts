import { appendFile, mkdir, open, readFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { InputError } from "../errors.js";
import type { RecogniserId } from "../face/recogniser.js";
import { hashFile } from "../hub/hash.js";
import type { Image } from "../image/image.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { type DatasetIndex, datasetFiles } from "./dataset.js";
import { RowFileWriter } from "./row-file.js";

/** A face as a dataset holds it. */
export interface PreparedFace {
  /** FFHQ-aligned, square. */
  readonly crop: Image;
  /** float32 [E], unit norm */
  readonly embedding: Float32Array;
}

export interface WriteRowsOptions {
  /** The dataset's folder. */
  readonly out: string;
  readonly sizePx: number;
  readonly faces: { readonly recogniser: RecogniserId; readonly embeddingSize: number };
  /** What else decides the rows: work that was begun with another is not gone on with. */
  readonly settings: z.core.util.JSONType;
  /** What rows are made of, one each at most. */
  readonly items: readonly { readonly name: string }[];
  /** An item's row, or the reason why it has none. */
  makeRow(index: number): Promise<PreparedFace | { readonly reason: string }>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?:
    | ((progress: { readonly done: number; readonly total: number; readonly skipped: number }) => void)
    | undefined;
}

/** What is done, saved now and then, so that an interrupted job goes on where it was. */
const progressSchema = z.strictObject({
  settings: z.json(),
  sizePx: z.int(),
  recogniser: z.strictObject({ name: z.string(), sha256: z.string() }),
  itemsDone: z.int(),
  rows: z.int(),
  namesBytes: z.int(),
  skipped: z.int(),
  skippedBytes: z.int(),
});
type Progress = z.output<typeof progressSchema>;

const progressFile = "progress.json";
const saveEvery = 64;

/**
 * Writes a dataset row by row. Items without a row are counted, and named in `skipped.jsonl`. A second call goes on after
 * an interruption.
 * @throws InputError if no item has a row, or the folder holds a dataset that is finished or was begun otherwise
 */
export async function writeRows(options: WriteRowsOptions): Promise<DatasetIndex> {
  const { out, sizePx, faces, items, signal, onProgress } = options;
  await mkdir(out, { recursive: true });
  const at = (name: keyof typeof datasetFiles) => join(out, datasetFiles[name]);
  const progress = await readProgress(options);
  const images = await RowFileWriter.open(
    at("images"),
    { name: "images", dtype: "u8", shape: [sizePx, sizePx, 3] },
    progress.rows,
  );
  const embeddingRow = { name: "embeddings", dtype: "f32", shape: [faces.embeddingSize] } as const;
  const embeddings = await RowFileWriter.open(at("embeddings"), embeddingRow, progress.rows);
  await cutText(at("names"), progress.namesBytes);
  await cutText(at("skipped"), progress.skippedBytes);

  const save = async () => {
    await Promise.all([images.sync(), embeddings.sync()]);
    await writeFileAtomic(join(out, progressFile), JSON.stringify(progress));
  };
  const note = async (file: "names" | "skipped", line: string) => {
    await appendFile(at(file), `${line}\n`);
    progress[`${file}Bytes`] += Buffer.byteLength(line) + 1;
  };
  try {
    for (let index = progress.itemsDone; index < items.length; index++) {
      signal?.throwIfAborted();
      const { name } = items[index]!;
      const row = await options.makeRow(index);
      if ("reason" in row) {
        progress.skipped++;
        await note("skipped", JSON.stringify({ name, reason: row.reason }));
      } else {
        await images.append(row.crop.data);
        await embeddings.append(row.embedding);
        await note("names", name);
        progress.rows++;
      }
      progress.itemsDone++;
      if (progress.itemsDone % saveEvery === 0) await save();
      onProgress?.({ done: progress.itemsDone, total: items.length, skipped: progress.skipped });
    }
  } catch (error) {
    await save();
    await Promise.all([images.close(), embeddings.close()]);
    throw error;
  }
  await Promise.all([images.finish(), embeddings.finish()]);
  if (progress.rows === 0) {
    throw new InputError(`none of ${items.length} has a face; ${at("skipped")} says why each was skipped`);
  }
  const index: DatasetIndex = {
    format: "arc2face-dataset",
    version: 1,
    count: progress.rows,
    sizePx,
    images: { sha256: await hashFile(at("images"), "sha256", signal) },
    embeddings: {
      sha256: await hashFile(at("embeddings"), "sha256", signal),
      size: faces.embeddingSize,
      recogniser: faces.recogniser,
    },
    skipped: progress.skipped,
  };
  await writeFileAtomic(at("index"), `${JSON.stringify(index, null, 2)}\n`);
  await rm(join(out, progressFile), { force: true });
  return index;
}

async function readProgress({ settings, out, sizePx, faces }: WriteRowsOptions): Promise<Progress> {
  const { recogniser } = faces;
  const fresh: Progress = {
    settings,
    sizePx,
    recogniser,
    itemsDone: 0,
    rows: 0,
    namesBytes: 0,
    skipped: 0,
    skippedBytes: 0,
  };
  const text = await readFile(join(out, progressFile), "utf8").catch(() => undefined);
  if (text === undefined) {
    const finished = await readFile(join(out, datasetFiles.index)).catch(() => undefined);
    if (finished) throw new InputError(`${out} holds a finished dataset; give another folder`);
    return fresh;
  }
  const progress = progressSchema.safeParse(JSON.parse(text));
  const same = ({ settings, sizePx, recogniser }: Progress) => JSON.stringify([settings, sizePx, recogniser]);
  if (!progress.success || same(progress.data) !== same(fresh)) {
    throw new InputError(`${out} was begun with other sources, size or recogniser; use those, or another folder`);
  }
  return progress.data;
}

/** Cuts a text file back to what the saved progress counts. */
async function cutText(path: string, byteLength: number): Promise<void> {
  const file = await open(path, "a");
  await file.close();
  await truncate(path, byteLength);
}
