import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { InputError } from "../errors.js";
import { decodeImage } from "../image/decode.js";
import { encodePng, readGeneration } from "../image/encode.js";
import type { Image } from "../image/image.js";
import type { Arc2Face } from "../pipeline/arc2face.js";
import { type GenerationRecord, parseGenerationRecord } from "../pipeline/metadata.js";
import type { GenerateRequest } from "../pipeline/request.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";

/** What makes images. */
export type Generator = Pick<Arc2Face, "describe" | "generate">;

/** A generated image on disk. */
export interface KeptImage {
  /** Below the output folder, with `/`. */
  readonly file: string;
  readonly seed: number;
  readonly image: Image;
}

export interface KeepOptions {
  readonly model: Generator;
  /** Of one person, with a seed. */
  readonly request: GenerateRequest & { readonly seed: number };
  /** The output folder. */
  readonly out: string;
  /** The files are `images/STEM-SEED.png`. */
  readonly stem: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The images of a request, in the order of the seeds. Those that an earlier run made in the very same way are taken as
 * they are; the others are made, and kept one by one, so that an interruption costs at most one batch.
 * @throws InputError if a file of that name is not a generated image, or the folder cannot be written to
 */
export async function keepImages({ model, request, out, stem, signal }: KeepOptions): Promise<KeptImage[]> {
  const records = model.describe(request);
  const fileOf = (seed: number) => `images/${stem}-${seed}.png`;
  const images = await Promise.all(records.map((record) => readKept(join(out, fileOf(record.seed)), record)));
  const first = images.indexOf(undefined);
  if (first >= 0) {
    // Images are made in the order of the seeds, so what an interruption left out is the rest.
    const rest = { ...request, seed: request.seed + first, count: records.length - first };
    let i = first;
    for await (const made of model.generate(signal ? { ...rest, signal } : rest)) {
      await write(join(out, fileOf(made.seed)), made, made.record);
      images[i++] = made;
    }
  }
  return records.map(({ seed }, i) => ({ file: fileOf(seed), seed, image: images[i]! }));
}

/** The image, if its file says that it was made so. */
async function readKept(path: string, record: GenerationRecord): Promise<Image | undefined> {
  const png = await readFile(path).catch(() => undefined);
  if (!png) return undefined;
  let found: unknown;
  try {
    found = readGeneration(png);
    parseGenerationRecord(found);
  } catch (cause) {
    throw new InputError(`${path} is in the way: it is no generated image; choose another folder with --out`, {
      cause,
    });
  }
  return isDeepStrictEqual(found, JSON.parse(JSON.stringify(record))) ? decodeImage(png, { name: path }) : undefined;
}

async function write(path: string, image: Image, generation: GenerationRecord): Promise<void> {
  const png = await encodePng(image, { generation });
  await writeFileAtomic(path, png).catch((cause: Error) => {
    throw new InputError(`cannot write ${path} (${cause.message}); choose another folder with --out`, { cause });
  });
}
