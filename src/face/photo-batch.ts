import { InputError } from "../errors.js";

/** What became of a photo. */
export type PhotoResult<Photo, T> =
  | { readonly photo: Photo; readonly value: T }
  | { readonly photo: Photo; readonly error: InputError };

export interface PhotoBatchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called when a photo is done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Enough that each network has a photo while another is decoded and cut; more only wait, and hold memory. */
const photosAtOnce = 3;

/**
 * Works through photos, several at once, so that the networks need not wait for files and decoding. A photo whose work
 * throws an InputError is put down with it, and the others go on.
 * @param photos with the path that messages name
 * @returns a result for each photo, in their order
 * @throws whatever is not a photo's fault, and the signal's reason; the rest is then left undone
 */
export async function forEachPhoto<Photo extends { readonly path: string }, T>(
  photos: readonly Photo[],
  work: (photo: Photo) => Promise<T>,
  options: PhotoBatchOptions = {},
): Promise<PhotoResult<Photo, T>[]> {
  return mapPhotos(
    photos,
    async (photo) => {
      try {
        return { photo, value: await work(photo) };
      } catch (error) {
        if (error instanceof InputError) return { photo, error: namePhoto(error, photo.path) };
        throw error;
      }
    },
    options,
  );
}

/**
 * As {@link forEachPhoto}, for all or nothing.
 * @returns what the work gave for each photo, in their order
 * @throws the first error of a photo, and the signal's reason; the rest is then left undone
 */
export async function mapPhotos<Photo, T>(
  photos: readonly Photo[],
  work: (photo: Photo) => Promise<T>,
  { signal, onProgress }: PhotoBatchOptions = {},
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  let done = 0;
  const takeTurns = async () => {
    for (let i = next++; i < photos.length; i = next++) {
      signal?.throwIfAborted();
      results[i] = await work(photos[i]!);
      onProgress?.(++done, photos.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: photosAtOnce }, takeTurns));
  } finally {
    // After an error the others end with the photo they are at.
    next = photos.length;
  }
  return results;
}

/** Names the photo in an error, unless it does: decoding knows the file, what comes after only pixels. */
export function namePhoto(error: InputError, path: string): InputError {
  if (!error.message.startsWith(path)) error.message = `${path}: ${error.message}`;
  return error;
}
