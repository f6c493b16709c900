import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";

/** What a file's content must hash to. `git` is git's object id: sha1 of `blob SIZE\0` and the content. */
export interface Digest {
  readonly algorithm: "sha256" | "git";
  /** Lower-case hexadecimal. */
  readonly hex: string;
}

/** Hash of a file's content, as lower-case hexadecimal, read in pieces. */
export async function hashFile(path: string, algorithm: Digest["algorithm"], signal?: AbortSignal): Promise<string> {
  const hash = createHash(algorithm === "git" ? "sha1" : "sha256");
  if (algorithm === "git") hash.update(`blob ${(await stat(path)).size}\0`);
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
