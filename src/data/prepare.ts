import { Arc2FaceError, CheckpointError } from "../errors.js";
import { decodeImage } from "../image/decode.js";
import type { DatasetIndex } from "./dataset.js";
import type { FaceSource } from "./face-source.js";
import { findPhotos, type Photo } from "./photos.js";
import { type WriteRowsOptions, writeRows } from "./write-rows.js";

export interface PrepareOptions extends Pick<WriteRowsOptions, "out" | "sizePx" | "signal" | "onProgress"> {
  /** Folders of photos, and WebDataset archives. */
  readonly sources: readonly string[];
  readonly faces: FaceSource;
}

/**
 * Makes a dataset of photos: the largest face of each, aligned, with its embedding. Photos that cannot be read, and
 * those without a face, are left out. A second call goes on after an interruption.
 * @throws InputError if no photo is found, and as {@link writeRows}
 */
export async function prepareDataset({ sources, faces, ...options }: PrepareOptions): Promise<DatasetIndex> {
  const photos: Photo[] = [];
  for await (const photo of findPhotos(sources)) photos.push(photo);
  return writeRows({
    ...options,
    faces,
    settings: [...sources],
    items: photos,
    makeRow: (index) => prepareFace(faces, photos[index]!, options.signal),
  });
}

/** A photo's row, or the reason why it has none. */
async function prepareFace(faces: FaceSource, { name, read }: Photo, signal: AbortSignal | undefined) {
  try {
    const face = await faces.prepare(await decodeImage(await read(), { name }), signal);
    return face ?? { reason: "no face was found" };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof Arc2FaceError) || error instanceof CheckpointError) throw error;
    return { reason: error.message };
  }
}
