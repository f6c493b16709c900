import type { Readable } from "node:stream";
import { z } from "zod";
import { InputError } from "../errors.js";

/**
 * Name of a file in a store: segments of letters, digits, `.`, `_` and `-`, joined by `/`. No segment begins with a dot, so
 * that no key leads out of the store; none ends in `.tmp`, as files do that are being written.
 */
export const storeKeySchema = z
  .string()
  .max(512)
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/, "is no key of a stored file")
  .refine((key) => !/\.tmp(?:\/|$)/i.test(key), "is no key of a stored file");

/** @throws InputError if it is no key */
export function checkKey(key: string): string {
  const result = storeKeySchema.safeParse(key);
  if (result.success) return key;
  throw new InputError(`"${key}" ${result.error.issues[0]!.message}`);
}

/** @throws InputError if it is not a key and a `/` */
export function checkPrefix(prefix: string): string {
  if (prefix.endsWith("/")) return `${checkKey(prefix.slice(0, -1))}/`;
  throw new InputError(`"${prefix}" is no prefix of stored files; it must end in /`);
}

/** @throws InputError if the range is not inside the file */
export function checkRange({ key, byteLength }: StoredFile, { start, end }: ByteRange): void {
  if (0 <= start && start <= end && end < byteLength) return;
  throw new InputError(`bytes ${start} to ${end} are not inside the ${byteLength} bytes of ${key}`);
}

export interface StoredFile {
  readonly key: string;
  readonly byteLength: number;
  readonly modifiedAtMs: number;
}

/** Bytes of a file, both ends included, as in HTTP. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where results lie: a folder, or a bucket of an S3-compatible service. Shared by a server and its workers. */
export interface ResultStore {
  /** Writes a file whole or not at all; an earlier one of the same key is replaced. */
  write(key: string, content: Uint8Array, contentType: string): Promise<void>;
  /** Size and time of a file; undefined if there is none. */
  stat(key: string): Promise<StoredFile | undefined>;
  /**
   * Reads a file, or a part of it.
   * @throws InputError if there is no such file, or the range lies outside it
   */
  read(key: string, range?: ByteRange): Promise<Readable>;
  /** All files whose key begins with `prefix`, which ends in `/`, in the order of their keys. */
  list(prefix: string): AsyncIterable<StoredFile>;
  /** Removes one file; one that is not there is no error. */
  delete(key: string): Promise<void>;
  /** Removes all files whose key begins with `prefix`, which ends in `/`. */
  deletePrefix(prefix: string): Promise<void>;
  /** Throws if files cannot be written, saying why. */
  check(): Promise<void>;
  close(): void;
}

/** Reads a whole file. @throws InputError if there is none */
export async function readStored(store: ResultStore, key: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await store.read(key)) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
