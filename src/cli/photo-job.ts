import { InputError } from "../errors.js";
import type { Context } from "./context.js";
import type { Photo } from "./photo-list.js";
import type { Progress } from "./progress.js";

/** What became of a photo. */
export type PhotoResult<T> =
  | { readonly photo: Photo; readonly value: T }
  | { readonly photo: Photo; readonly error: InputError };

/** Photos in work at once: while one is in a network, the next is decoded. */
const concurrency = 3;

/**
 * Works through photos. One that fails is put down, and the others go on.
 * @returns a result for each photo, in their order
 * @throws whatever is not a photo's fault, and when the signal is aborted
 */
export async function forEachPhoto<T>(
  photos: readonly Photo[],
  work: (photo: Photo) => Promise<T>,
  { label, progress, signal }: { label: string; progress: Progress; signal: AbortSignal },
): Promise<PhotoResult<T>[]> {
  const results: PhotoResult<T>[] = [];
  let next = 0;
  let done = 0;
  const takeTurns = async () => {
    for (let i = next++; i < photos.length; i = next++) {
      signal.throwIfAborted();
      const photo = photos[i]!;
      results[i] = await attempt(photo, work);
      progress.update({ label, done: ++done, total: photos.length, unit: "photos" });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, takeTurns));
  return results;
}

async function attempt<T>(photo: Photo, work: (photo: Photo) => Promise<T>): Promise<PhotoResult<T>> {
  try {
    return { photo, value: await work(photo) };
  } catch (error) {
    if (error instanceof InputError) return { photo, error: namePhoto(error, photo) };
    throw error;
  }
}

/** Decoding names the file itself; what comes after knows only pixels. */
function namePhoto(error: InputError, { path }: Photo): InputError {
  if (!error.message.startsWith(path)) error.message = `${path}: ${error.message}`;
  return error;
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
