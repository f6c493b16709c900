import { basename, parse } from "node:path";
import { InputError } from "../errors.js";
import type { Context } from "./context.js";
import { type FaceInput, readFaceInput } from "./face-input.js";

/** A face that images are made of. */
export interface Face {
  /** Base name of its file; `-` for standard input. */
  readonly input: string;
  /** Its place in that file. */
  readonly index: number;
  /** What its images' names begin with: the input's name, and the index if the input holds several. */
  readonly name: string;
}

/** The files that were given, and the faces in them, in the same order. */
export interface GivenFaces {
  readonly inputs: readonly FaceInput[];
  readonly faces: readonly Face[];
}

/**
 * Reads the photos and embeddings that were given on the command line.
 * @param paths `-` is standard input
 * @throws InputError if one cannot be read, or two would give images of the same name
 */
export async function readFaces(paths: readonly string[], context: Context): Promise<GivenFaces> {
  const inputs: FaceInput[] = [];
  const faces: Face[] = [];
  const pathOf = new Map<string, string>();
  for (const path of paths) {
    const stem = path === "-" ? "stdin" : parse(path).name;
    const earlier = pathOf.get(stem);
    if (earlier !== undefined) {
      throw new InputError(`${earlier} and ${path} would give images of the same name; rename one, or run them apart`);
    }
    pathOf.set(stem, path);
    const input = await readFaceInput(path, context);
    inputs.push(input);
    const count = "stored" in input ? input.stored.length : 1;
    const digits = String(count - 1).length;
    for (let index = 0; index < count; index++) {
      const name = count === 1 ? stem : `${stem}-${String(index).padStart(digits, "0")}`;
      faces.push({ input: basename(path), index, name });
    }
  }
  return { inputs, faces };
}
