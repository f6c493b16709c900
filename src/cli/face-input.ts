import { readFile } from "node:fs/promises";
import { z } from "zod";
import { InputError } from "../errors.js";
import type { FaceEmbedder } from "../face/embed.js";
import type { Embedding } from "../face/recogniser.js";
import { decodeImage } from "../image/decode.js";

const schema = z.looseObject({
  recogniser: z.object({ name: z.string(), sha256: z.string() }),
  embedding: z.array(z.number()).min(1),
});

/**
 * A face given as a photo, or as the JSON that `embed` prints.
 * @throws InputError if the file is neither
 */
export async function readFaceInput(
  path: string,
  embedder: FaceEmbedder,
  signal: AbortSignal,
): Promise<Pick<Embedding, "embedding" | "recogniser">> {
  const stored = await readStored(path);
  if (stored) return stored;
  try {
    return await embedder.embed(await decodeImage(path), signal);
  } catch (error) {
    if (error instanceof InputError && !error.message.startsWith(path)) error.message = `${path}: ${error.message}`;
    throw error;
  }
}

async function readStored(path: string): Promise<Pick<Embedding, "embedding" | "recogniser"> | undefined> {
  if (!/\.json$/i.test(path)) return undefined;
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`${path}: the embedding cannot be read (${cause.code}). Check the path.`, { cause });
  });
  const { data } = schema.safeParse(parse(text));
  if (!data) throw new InputError(`${path}: not an embedding that "arc2face embed" printed; embed the photo again.`);
  const norm = Math.hypot(...data.embedding);
  return { recogniser: data.recogniser, embedding: Float32Array.from(data.embedding, (value) => value / norm) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
