import { appendFile, mkdir, open, readFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { Arc2FaceError, CheckpointError, InputError } from "../errors.js";
import { hashFile } from "../hub/hash.js";
import { decodeImage } from "../image/decode.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { type DatasetIndex, datasetFiles } from "./dataset.js";
import type { FaceSource } from "./face-source.js";
import { findPhotos, type Photo } from "./photos.js";
import { RowFileWriter } from "./row-file.js";

export interface PrepareOptions {
  /** Folders of photos, and WebDataset archives. */
  readonly sources: readonly string[];
  /** The dataset's folder. */
  readonly out: string;
  readonly sizePx: number;
  readonly faces: FaceSource;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number; readonly skipped: number }) => void;
}

/** What is done, saved now and then, so that an interrupted job goes on where it was. */
const progressSchema = z.strictObject({
  sources: z.array(z.string()),
  sizePx: z.int(),
  recogniser: z.strictObject({ name: z.string(), sha256: z.string() }),
  photosDone: z.int(),
  rows: z.int(),
  namesBytes: z.int(),
  skipped: z.int(),
  skippedBytes: z.int(),
});
type Progress = z.output<typeof progressSchema>;

const progressFile = "progress.json";
const saveEvery = 64;

/**
 * Makes a dataset of photos: the largest face of each, aligned, with its embedding. Photos that cannot be read, and
 * those without a face, are counted, named in `skipped.jsonl`, and left out. A second call goes on after an interruption.
 * @throws InputError if no photo is found, none holds a face, or the folder holds a dataset that was made otherwise
 */
export async function prepareDataset(options: PrepareOptions): Promise<DatasetIndex> {
  const { sources, out, sizePx, faces, signal, onProgress } = options;
  const photos: Photo[] = [];
  for await (const photo of findPhotos(sources)) photos.push(photo);
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
    for (const { name, read } of photos.slice(progress.photosDone)) {
      signal?.throwIfAborted();
      const result = await prepareFace(faces, name, read, signal);
      if ("reason" in result) {
        progress.skipped++;
        await note("skipped", JSON.stringify({ name, reason: result.reason }));
      } else {
        await images.append(result.crop.data);
        await embeddings.append(result.embedding);
        await note("names", name);
        progress.rows++;
      }
      progress.photosDone++;
      if (progress.photosDone % saveEvery === 0) await save();
      onProgress?.({ done: progress.photosDone, total: photos.length, skipped: progress.skipped });
    }
  } catch (error) {
    await save();
    await Promise.all([images.close(), embeddings.close()]);
    throw error;
  }
  await Promise.all([images.finish(), embeddings.finish()]);
  if (progress.rows === 0) {
    throw new InputError(
      `none of the ${photos.length} photos holds a face; ${at("skipped")} says why each was skipped`,
    );
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

/** A photo's row, or the reason why it has none. */
async function prepareFace(faces: FaceSource, name: string, read: Photo["read"], signal: AbortSignal | undefined) {
  try {
    const face = await faces.prepare(await decodeImage(await read(), { name }), signal);
    return face ?? { reason: "no face was found" };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof Arc2FaceError) || error instanceof CheckpointError) throw error;
    return { reason: error.message };
  }
}

async function readProgress({ sources, out, sizePx, faces }: PrepareOptions): Promise<Progress> {
  const { recogniser } = faces;
  const fresh: Progress = {
    sources: [...sources],
    sizePx,
    recogniser,
    photosDone: 0,
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
  const same = ({ sources, sizePx, recogniser }: Progress) => JSON.stringify([sources, sizePx, recogniser]);
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
