import { createReadStream } from "node:fs";
import { addAbortSignal } from "node:stream";
import { InputError } from "../errors.js";
import type { ChooseFace, EmbeddedFace } from "../face/embed.js";
import { namePhoto } from "../face/photo-batch.js";
import { decodeImage } from "../image/decode.js";
import type { Image } from "../image/image.js";
import { isPhoto } from "../image/photo-format.js";
import { decodeStoredEmbeddings, readBytes, type StoredEmbedding } from "../pipeline/embedding-file.js";
import type { Context } from "./context.js";

/** What a file given for a face holds: a photo, not looked at yet, or embeddings. */
export type FaceInput =
  | { readonly name: string; readonly photo: Uint8Array }
  | { readonly name: string; readonly stored: readonly StoredEmbedding[] };

/**
 * Reads a face. The file's content says what it is.
 * @param path `-` is standard input
 * @throws InputError if it cannot be read, or is neither a photo nor embeddings
 */
export async function readFaceInput(path: string, { stdin, signal }: Context): Promise<FaceInput> {
  const name = path === "-" ? "standard input" : path;
  const stream = path === "-" ? addAbortSignal(signal, stdin) : createReadStream(path, { signal });
  const bytes = await readBytes(stream, name);
  return isPhoto(bytes) ? { name, photo: bytes } : { name, stored: decodeStoredEmbeddings(bytes, name) };
}

/** What embeds a face of a photo. */
interface PhotoEmbedder {
  embed(image: Image, signal?: AbortSignal, choose?: ChooseFace): Promise<EmbeddedFace>;
}

/**
 * The embeddings of an input; that of one face, by default the largest, if it is a photo.
 * @throws InputError if the photo cannot be decoded or shows no face
 */
export async function embedFaceInput(
  input: FaceInput,
  embedder: PhotoEmbedder,
  { stderr, signal }: Pick<Context, "stderr" | "signal">,
  choose?: ChooseFace,
): Promise<readonly StoredEmbedding[]> {
  if ("stored" in input) return input.stored;
  try {
    const made = await embedder.embed(await decodeImage(input.photo, { name: input.name }), signal, choose);
    for (const reason of made.quality.reasons) stderr.write(`${input.name}: ${reason}\n`);
    return [made];
  } catch (error) {
    throw error instanceof InputError ? namePhoto(error, input.name) : error;
  }
}

/**
 * The embedding of an input that shows or holds one.
 * @param embedder for photos
 * @throws as {@link embedFaceInput}; InputError if a file holds several
 */
export async function embedOnlyFace(
  input: FaceInput,
  embedder: PhotoEmbedder | undefined,
  context: Pick<Context, "stderr" | "signal">,
): Promise<StoredEmbedding> {
  const [face, ...others] = "stored" in input ? input.stored : await embedFaceInput(input, embedder!, context);
  if (others.length === 0) return face!;
  throw new InputError(`${input.name} holds ${others.length + 1} embeddings; give a file with one`);
}
