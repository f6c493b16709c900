import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { hashFile } from "./hash.js";

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

/** Licence of a file whose repository states none in a form that programs can read. */
export const unstatedLicence = "see repository";

export const fileRecordSchema = z.object({
  /** What was asked for, as `hf:…` or `npm:…`. */
  source: z.string(),
  /** Where it came from: a URL at an immutable revision, or `npm:NAME@VERSION/path`. */
  origin: z.string(),
  /** Licence identifier as the repository or package states it. */
  licence: z.string(),
  sha256: sha256Schema,
  bytes: z.int().nonnegative(),
  /** ISO 8601, UTC. */
  retrievedAt: z.iso.datetime(),
});

/** Where a cached file came from, under which licence, and what its content hashes to; kept beside the file. */
export type FileRecord = z.infer<typeof fileRecordSchema>;

/** Path of the record of a cached file. */
export function recordPath(path: string): string {
  return `${path}.origin.json`;
}

/**
 * The record of a cached file, or undefined if the file is missing, has another size, or has no readable record.
 * @param rehash also if the content has another hash
 */
export async function readRecord(path: string, rehash = false): Promise<FileRecord | undefined> {
  const record = fileRecordSchema.safeParse(await readJson(recordPath(path))).data;
  if (record === undefined || (await fileBytes(path)) !== record.bytes) return undefined;
  return rehash && (await hashFile(path, "sha256")) !== record.sha256 ? undefined : record;
}

/** Writes the record of a cached file. */
export async function writeRecord(path: string, record: FileRecord): Promise<void> {
  await writeFileAtomic(recordPath(path), `${JSON.stringify(record, null, 2)}\n`);
}

/** The JSON in a file, or undefined if there is no file or it is not JSON. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return undefined;
    throw error;
  }
}

/** Size of a file in bytes, or undefined if there is none. */
export async function fileBytes(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Whether a file system error says that the file or a folder above it does not exist. */
export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === "ENOENT" || code === "ENOTDIR";
}
