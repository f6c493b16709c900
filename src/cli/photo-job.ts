import { InputError } from "../errors.js";
import { forEachPhoto, type PhotoResult as ResultOf } from "../face/photo-batch.js";
import type { LoadNetworkOptions, WeightsFile } from "../face/weights-file.js";
import type { Context } from "./context.js";
import { showLicences } from "./face-options.js";
import { listPhotos, type Photo } from "./photo-list.js";
import { Progress } from "./progress.js";

/** What became of a photo. */
export type PhotoResult<T> = ResultOf<Photo, T>;

export type PhotoReport<T> = T & { readonly file: string; readonly error?: string };

interface Networks {
  readonly files: readonly WeightsFile[];
  release(): Promise<void>;
}

export interface PhotoJob<N extends Networks, T> {
  /** What is being done, for the progress. */
  readonly label: string;
  load(options: Pick<LoadNetworkOptions, "signal" | "onDownload">): Promise<N>;
  work(photo: Photo, networks: N): Promise<T>;
}

/**
 * What faces, align and embed share: finds the photos, loads networks, and works through the photos, several at once. One
 * that fails is put down, and the others go on.
 * @param inputs photos, or folders of photos
 * @returns a result for each photo, in their order
 */
export async function workOnPhotos<N extends Networks, T>(
  inputs: readonly string[],
  { label, load, work }: PhotoJob<N, T>,
  context: Context,
): Promise<PhotoResult<T>[]> {
  const { signal } = context;
  const photos = await listPhotos(inputs);
  const progress = new Progress(context);
  const networks = await load({ signal, onDownload: progress.showDownload });
  try {
    showLicences(networks.files, context);
    const onProgress = (done: number, total: number) => progress.update({ label, done, total, unit: "photos" });
    return await forEachPhoto(photos, (photo) => work(photo, networks), { signal, onProgress });
  } finally {
    progress.stop();
    await networks.release();
  }
}

/** A photo's row of a `--json` array: what was made of it, or what stands there with the error if it failed. */
export function photoReport<T extends object>(result: PhotoResult<T>, otherwise: T): PhotoReport<T> {
  const file = result.photo.path;
  return "value" in result ? { file, ...result.value } : { file, ...otherwise, error: result.error.message };
}

/** The values of the photos that did not fail. */
export function valuesOf<T>(results: readonly PhotoResult<T>[]): T[] {
  return results.flatMap((result) => ("value" in result ? [result.value] : []));
}

/**
 * Ends a command some of whose photos failed, when all the others are done and written.
 * @throws InputError that lists the failures
 */
export function throwIfFailed(results: readonly PhotoResult<unknown>[], { stderr }: Pick<Context, "stderr">): void {
  const errors = results.flatMap((result) => ("error" in result ? [result.error.message] : []));
  if (errors.length === 0) return;
  if (results.length > 1) stderr.write(`${results.length - errors.length} of ${results.length} photos done\n`);
  throw new InputError(errors.join("\n"));
}
