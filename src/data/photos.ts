import { type FileHandle, readdir, readFile, stat } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { InputError } from "../errors.js";
import { readExactly, withFile } from "../tensor/files.js";
import { listTar } from "./tar.js";

/** A photo that is read when its turn comes. */
export interface Photo {
  /** Path below the folder, or the archive's path and the name in it. */
  readonly name: string;
  read(): Promise<Uint8Array>;
}

const photoName = /\.(jpe?g|png|webp|avif|tiff?)$/i;

/**
 * The photos of folders (with all below them) and WebDataset archives (`.tar`), in an order that depends on nothing but
 * their names.
 * @throws InputError if a source does not exist, or none holds a photo
 */
export async function* findPhotos(sources: readonly string[]): AsyncGenerator<Photo, void, void> {
  let found = false;
  for (const source of sources) {
    const info = await stat(source).catch(() => {
      throw new InputError(`${source}: no such folder or archive; check the path`);
    });
    if (!info.isDirectory() && !source.endsWith(".tar")) {
      throw new InputError(`${source}: give a folder of photos, or a .tar archive (WebDataset)`);
    }
    for await (const photo of info.isDirectory() ? folderPhotos(source) : tarPhotos(source)) {
      found = true;
      yield photo;
    }
  }
  if (!found) throw new InputError(`${sources.join(", ")}: no photo found (JPEG, PNG, WebP, AVIF or TIFF)`);
}

async function* folderPhotos(folder: string): AsyncGenerator<Photo, void, void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => !entry.isDirectory() && photoName.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name));
  for (const path of paths.sort()) {
    yield { name: relative(folder, path).split(sep).join("/"), read: () => readFile(path) };
  }
}

/** Photos of an archive, read by their place in it. */
async function* tarPhotos(path: string): AsyncGenerator<Photo, void, void> {
  for await (const { name, offset, byteLength } of listTar(path)) {
    if (!photoName.test(name)) continue;
    const read = () => withFile(path, (handle) => readBytes(handle, offset, byteLength));
    yield { name: `${basename(path)}/${name}`, read };
  }
}

async function readBytes(handle: FileHandle, offset: number, byteLength: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength);
  await readExactly(handle, bytes, offset);
  return bytes;
}
