import { basename, parse } from "node:path";
import { addAbortSignal } from "node:stream";
import { InputError } from "../errors.js";
import { readEmbeddingFile, readEmbeddings } from "../pipeline/embedding-file.js";
import type { FaceEmbedding } from "../pipeline/request.js";
import type { Context } from "./context.js";

/** A face that images are made of. */
export interface Face {
  readonly embedding: FaceEmbedding;
  /** Base name of its file; `-` for standard input. */
  readonly input: string;
  /** Its place in that file. */
  readonly index: number;
  /** What its images' names begin with: the input's name, and the index if the input holds several. */
  readonly name: string;
}

/**
 * Reads the embeddings that were given on the command line.
 * @param inputs paths; `-` is standard input
 * @throws InputError if one cannot be read, or two would give images of the same name
 */
export async function readFaces(inputs: readonly string[], { stdin, signal }: Context): Promise<Face[]> {
  const faces: Face[] = [];
  const inputOf = new Map<string, string>();
  for (const input of inputs) {
    const stem = input === "-" ? "stdin" : parse(input).name;
    const earlier = inputOf.get(stem);
    if (earlier !== undefined) {
      throw new InputError(`${earlier} and ${input} would give images of the same name; rename one, or run them apart`);
    }
    inputOf.set(stem, input);
    const embeddings =
      input === "-"
        ? await readEmbeddings(addAbortSignal(signal, stdin), "standard input")
        : await readEmbeddingFile(input, { signal });
    const digits = String(embeddings.length - 1).length;
    embeddings.forEach((embedding, index) => {
      const name = embeddings.length === 1 ? stem : `${stem}-${String(index).padStart(digits, "0")}`;
      faces.push({ embedding, input: basename(input), index, name });
    });
  }
  return faces;
}
