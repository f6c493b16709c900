import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

interface PruneOptions {
  readonly maxBytes: number;
  /** Folder of the entry that stays in any case. */
  readonly keep: string;
  /** File in each entry whose modification time is the entry's last use. */
  readonly stampFile: string;
}

/** Entries that never became complete are left alone this long: another process may be making them. */
const unfinishedMs = 24 * 3600 * 1000;

/**
 * Removes the least recently used entries (folders) of a cache until it fits, and leftovers of interrupted writes. An
 * entry that is in use elsewhere stays usable where the system allows its removal, and stays where it does not.
 */
export async function pruneEntries(cache: string, { maxBytes, keep, stampFile }: PruneOptions): Promise<void> {
  const entries = [];
  for (const name of await readdir(cache)) {
    const folder = join(cache, name);
    const stamp = await stat(join(folder, stampFile)).catch(() => undefined);
    if (!stamp || name.endsWith(".tmp")) {
      const made = await stat(folder).catch(() => undefined);
      if (made && Date.now() - made.mtimeMs > unfinishedMs) await remove(folder);
      continue;
    }
    entries.push({ folder, usedMs: stamp.mtimeMs, bytes: await folderBytes(folder) });
  }
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { folder, bytes } of entries.sort((a, b) => a.usedMs - b.usedMs)) {
    if (total <= maxBytes) break;
    if (folder === keep) continue;
    if (await remove(folder)) total -= bytes;
  }
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size;
  return bytes;
}

async function remove(folder: string): Promise<boolean> {
  return rm(folder, { recursive: true, force: true }).then(
    () => true,
    () => false,
  );
}
