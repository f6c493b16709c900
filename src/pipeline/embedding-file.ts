import { createReadStream } from "node:fs";
import { z } from "zod";
import { InputError } from "../errors.js";
import type { RecogniserId } from "../face/recogniser.js";
import { cast } from "../tensor/convert.js";
import { decodeNpy } from "../tensor/npy.js";
import { quote } from "../tensor/quote.js";
import type { FaceEmbedding } from "./request.js";

/** 32,000 embeddings of 512 float32. */
const npyLimitBytes = 2 ** 26;
/** 700 embeddings of 512 numbers. Lower, because small JSON arrays take thirty times their text in memory. */
const jsonLimitBytes = 2 ** 23;

/** The rest of the file's keys is its own business. */
const recogniserSchema = z.object({ recogniser: z.object({ name: z.string(), sha256: z.string() }) });

const forms = 'write {"embedding": [numbers]}, [numbers], an array of such, or a .npy of shape [512] or [N, 512]';

/**
 * Reads the face embeddings in a file. Its content says what it is, not its name:
 * - JSON: `{"embedding": [numbers]}` (other keys are ignored), `[numbers]`, or an array of several of either;
 * - `.npy`: shape [E] or [N, E], of any numeric dtype.
 *
 * Whether they fit a model (length, NaN, norm) is checked by the model, which knows what it takes.
 * @param path a file, or a pipe
 * @throws InputError naming the file, if it cannot be read, is too large, or holds something else
 */
export async function readEmbeddingFile(
  path: string,
  options: { signal?: AbortSignal } = {},
): Promise<FaceEmbedding[]> {
  return readEmbeddings(createReadStream(path, { signal: options.signal }), path);
}

/**
 * Reads the face embeddings in a stream, as {@link readEmbeddingFile}.
 * @param name what messages call it
 */
export async function readEmbeddings(stream: AsyncIterable<Uint8Array>, name: string): Promise<FaceEmbedding[]> {
  return decodeEmbeddings(await readBytes(stream, name), name);
}

/**
 * Reads all of a stream that may hold embeddings.
 * @param name what messages call it
 * @throws InputError naming the stream, if it cannot be read, or is larger than embeddings are
 */
export async function readBytes(stream: AsyncIterable<Uint8Array>, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > npyLimitBytes) throw tooLarge(name, npyLimitBytes);
    }
  } catch (cause) {
    const { code, message, syscall } = cause as NodeJS.ErrnoException;
    if (syscall === undefined) throw cause;
    throw new InputError(code === "ENOENT" ? `${name}: no such file; check the path` : `${name}: ${message}`, {
      cause,
    });
  }
  return Buffer.concat(chunks);
}

/**
 * The face embeddings in a file's bytes, as {@link readEmbeddingFile}.
 * @param name what messages call it
 * @throws InputError naming the file, if it is too large, or holds something else
 */
export function decodeEmbeddings(bytes: Uint8Array, name: string): FaceEmbedding[] {
  return decodeStoredEmbeddings(bytes, name).map(({ embedding }) => embedding);
}

/** An embedding in a file. */
export interface StoredEmbedding {
  readonly embedding: FaceEmbedding;
  /** What made it, if the file says: the JSON that `arc2face embed` prints does. */
  readonly recogniser?: RecogniserId;
}

/** As {@link decodeEmbeddings}, with the recogniser of each. */
export function decodeStoredEmbeddings(bytes: Uint8Array, name: string): StoredEmbedding[] {
  const isNpy = bytes[0] === 0x93;
  const limit = isNpy ? npyLimitBytes : jsonLimitBytes;
  if (bytes.length > limit) throw tooLarge(name, limit);
  const embeddings = isNpy ? decodeNpyRows(bytes, name).map((embedding) => ({ embedding })) : decodeJson(bytes, name);
  if (embeddings.length === 0) throw new InputError(`${name} holds no embedding; ${forms}`);
  return embeddings;
}

function decodeNpyRows(bytes: Uint8Array, name: string): FaceEmbedding[] {
  const { shape, data } = decodeArray(bytes, name);
  if (shape.length !== 1 && shape.length !== 2) {
    throw new InputError(`${name}: an array of shape [${shape.join(", ")}]; give [512] for one face, [N, 512] for N`);
  }
  const size = shape.at(-1) as number;
  const rows = shape.length === 1 ? 1 : (shape[0] as number);
  // Rows without numbers take no bytes, so the file's size does not bound how many it may claim.
  if (size === 0) return [];
  return Array.from({ length: rows }, (_, row) => data.subarray(row * size, (row + 1) * size));
}

function decodeArray(bytes: Uint8Array, name: string) {
  try {
    return cast(decodeNpy(bytes), "f64");
  } catch (cause) {
    if (cause instanceof InputError) throw new InputError(`${name}: ${cause.message}`, { cause });
    throw cause;
  }
}

function decodeJson(bytes: Uint8Array, name: string): StoredEmbedding[] {
  const json = parseJson(bytes, name);
  // The first item tells a list of faces from the numbers of one.
  const isList = Array.isArray(json) && (json.length === 0 || typeof json[0] === "object");
  const items: readonly unknown[] = isList ? json : [json];
  return items.map((item, i) => ({
    embedding: numbersOf(item, isList ? `${name}: item ${i}` : name),
    ...recogniserSchema.safeParse(item).data,
  }));
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    // Python's json.dumps writes these.
    const hasNaN = /\b(NaN|Infinity)\b/.test(Buffer.from(bytes).toString("latin1"));
    const hint = hasNaN ? "JSON has no NaN or infinity, and no face has; embed the photo again" : forms;
    throw new InputError(`${name} is neither JSON nor .npy (${(cause as Error).message}); ${hint}`, { cause });
  }
}

function numbersOf(item: unknown, where: string): FaceEmbedding {
  const numbers = Array.isArray(item) ? item : (item as { embedding?: unknown } | null)?.embedding;
  if (!Array.isArray(numbers)) throw new InputError(`${where} is no embedding; ${forms}`);
  const wrong = numbers.findIndex((value) => typeof value !== "number");
  if (wrong === -1) return numbers;
  const found = Array.isArray(numbers[wrong]) ? "an array" : quote(String(JSON.stringify(numbers[wrong])));
  throw new InputError(`${where}: number ${wrong} of the embedding is ${found}, not a number; ${forms}`);
}

function tooLarge(name: string, limit: number): InputError {
  return new InputError(
    `${name} is larger than ${limit / 2 ** 20} MB, which is more than embeddings take; ` +
      "give fewer at once, or many as .npy rather than JSON",
  );
}
