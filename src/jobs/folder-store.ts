import { createReadStream } from "node:fs";
import { mkdir, opendir, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { InputError } from "../errors.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { type ByteRange, checkKey, checkPrefix, checkRange, type ResultStore, type StoredFile } from "./store.js";

/** Results in a folder, which several machines may share. */
export class FolderStore implements ResultStore {
  private readonly root: string;

  constructor(folder: string) {
    this.root = resolve(folder);
  }

  async write(key: string, content: Uint8Array): Promise<void> {
    await writeFileAtomic(this.pathOf(key), content);
  }

  async stat(key: string): Promise<StoredFile | undefined> {
    const found = await stat(this.pathOf(key)).catch(ignoreAbsent);
    return found?.isFile() ? { key, byteLength: found.size, modifiedAtMs: found.mtimeMs } : undefined;
  }

  async read(key: string, range?: ByteRange): Promise<Readable> {
    const file = await this.stat(key);
    if (!file) throw new InputError(`there is no stored file ${key}; it may have been deleted`);
    if (range) checkRange(file, range);
    return createReadStream(this.pathOf(key), range);
  }

  list(prefix: string): AsyncIterable<StoredFile> {
    checkPrefix(prefix);
    return this.walk(prefix);
  }

  async delete(key: string): Promise<void> {
    await rm(this.pathOf(key), { force: true });
    // An empty folder of a job or an identity would tell that it was there.
    await rmdir(dirname(this.pathOf(key))).catch(() => undefined);
  }

  async deletePrefix(prefix: string): Promise<void> {
    checkPrefix(prefix);
    await rm(join(this.root, prefix), { recursive: true, force: true });
  }

  async check(): Promise<void> {
    try {
      await mkdir(this.root, { recursive: true });
      const probe = join(this.root, ".probe");
      await writeFileAtomic(probe, "");
      await rm(probe, { force: true });
    } catch (cause) {
      throw new InputError(`cannot write to ${this.root} (${(cause as Error).message}); give another folder`, {
        cause,
      });
    }
  }

  close(): void {}

  private pathOf(key: string): string {
    return join(this.root, checkKey(key));
  }

  private async *walk(prefix: string): AsyncGenerator<StoredFile, void, void> {
    const folder = await opendir(join(this.root, prefix)).catch(ignoreAbsent);
    if (!folder) return;
    const names: string[] = [];
    const folders = new Set<string>();
    for await (const entry of folder) {
      // Dots begin files that are being written.
      if (entry.name.startsWith(".") || entry.name.endsWith(".tmp")) continue;
      names.push(entry.isDirectory() ? `${entry.name}/` : entry.name);
      if (entry.isDirectory()) folders.add(`${entry.name}/`);
    }
    for (const name of names.sort()) {
      if (folders.has(name)) yield* this.walk(prefix + name);
      else {
        const file = await this.stat(prefix + name);
        if (file) yield file;
      }
    }
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw error;
}
