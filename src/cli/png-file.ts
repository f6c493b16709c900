import { readFile, stat } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { InputError } from "../errors.js";
import { encodePng, type PngOptions, readGeneration } from "../image/encode.js";
import type { Image } from "../image/image.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { cannotWrite } from "./cannot-write.js";

/** Larger files are not images of ours. */
const limitBytes = 2 ** 28;

/**
 * Writes an image as `STEM.png`, whole or not at all. A file that says it was made in the same way is replaced; any other
 * is left alone, and the image becomes `STEM-2.png`, `STEM-3.png`, …
 * @param stem       path without its ending
 * @param generation how the image was made; it goes into the PNG
 * @param options    `isSynthetic: false` for pictures that show a photo
 * @returns the path of the file
 * @throws InputError if the folder cannot be written to
 */
export async function writePngFile(
  stem: string,
  image: Image,
  generation: unknown,
  options: Pick<PngOptions, "isSynthetic"> = {},
): Promise<string> {
  const asRead = JSON.parse(JSON.stringify(generation));
  const png = await encodePng(image, { ...options, generation });
  try {
    for (let attempt = 1; ; attempt++) {
      const path = attempt === 1 ? `${stem}.png` : `${stem}-${attempt}.png`;
      if (!(await isFree(path, asRead))) continue;
      await writeFileAtomic(path, png);
      return path;
    }
  } catch (cause) {
    throw cannotWrite(`${stem}.png`, cause);
  }
}

/**
 * What an image file says of how it was made; undefined if it says nothing.
 * @throws InputError if there is no such file, or it is no PNG, or damaged
 */
export async function readPngFile(path: string): Promise<unknown> {
  const file = await stat(path).catch(() => undefined);
  if (!file) throw new InputError(`${path}: no such file; check the path`);
  if (!file.isFile()) throw new InputError(`${path} is not a file; name one image`);
  if (file.size > limitBytes) throw new InputError(`${path}: ${file.size} bytes are more than any image of ours takes`);
  try {
    return readGeneration(await readFile(path));
  } catch (cause) {
    throw new InputError(`${path}: ${(cause as Error).message}`, { cause });
  }
}

async function isFree(path: string, generation: unknown): Promise<boolean> {
  const file = await stat(path).catch(() => undefined);
  if (!file) return true;
  return isDeepStrictEqual(await readPngFile(path).catch(() => undefined), generation);
}
