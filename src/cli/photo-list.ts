import { readdir, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { InputError } from "../errors.js";

/** A photo that was named, or lies in a folder that was. */
export interface Photo {
  readonly path: string;
  /** For what is made of it: its path below the named folder, or its base name, without the ending. */
  readonly stem: string;
}

const photoName = /\.(jpe?g|png|webp|gif|tiff?|avif|heic|heif|jxl|jp2|ppm)$/i;

/**
 * The photos that arguments name: files as they are, folders with all photos below them, in the order of their names.
 * @throws InputError if a folder holds none, or two photos would give files of the same name
 */
export async function listPhotos(inputs: readonly string[]): Promise<Photo[]> {
  const photos: Photo[] = [];
  for (const input of inputs) {
    const isFolder = await stat(input).then(
      (entry) => entry.isDirectory(),
      () => false,
    );
    photos.push(...(isFolder ? await listFolder(input) : [{ path: input, stem: basename(input, extname(input)) }]));
  }
  const pathOf = new Map<string, string>();
  for (const { path, stem } of photos) {
    const earlier = pathOf.get(stem);
    if (earlier !== undefined) {
      throw new InputError(`${earlier} and ${path} would give files of the same name; rename one, or run them apart`);
    }
    pathOf.set(stem, path);
  }
  return photos;
}

async function listFolder(folder: string): Promise<Photo[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => photoName.test(name)).sort();
  if (names.length === 0)
    throw new InputError(`${folder}: no photos in this folder; give one that holds JPEG or PNG files`);
  return names.map((name) => ({ path: join(folder, name), stem: name.slice(0, -extname(name).length) }));
}
