import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { DownloadError } from "../errors.js";
import { type Digest, hashFile } from "./hash.js";
import { describeFailure } from "./http.js";
import { fileBytes, isMissing } from "./record.js";
import { type RetryOptions, TransientError, withRetries } from "./retry.js";

/** How far the download of one file is. */
export interface Progress {
  /** Path inside the repository or package. */
  readonly file: string;
  /** Bytes that are here, counting what an earlier run received; for a package, those of all its files. */
  readonly receivedBytes: number;
  readonly totalBytes: number;
}

export type ProgressListener = (progress: Progress) => void;

/** A file to download, whose size and hash are known beforehand. */
export interface Download {
  readonly url: string;
  /** Name for progress and messages. */
  readonly file: string;
  /** Where the file goes. What has been received waits beside it as `TARGET.partial`. */
  readonly target: string;
  readonly bytes: number;
  readonly digest: Digest;
}

export interface DownloadOptions extends RetryOptions {
  readonly onProgress?: ProgressListener | undefined;
  /**
   * Ask the hub what a branch or tag names now, and hash cached files again. Otherwise a cached file is used without
   * asking, so that a program that has run once runs the same again, and without a network.
   */
  readonly refresh?: boolean | undefined;
}

/**
 * Downloads a file so that `target` is either absent or whole and verified. What was received before a cut, a crash or an
 * abort is kept and continued with a Range request.
 *
 * Several processes may download the same file at once: the content is fixed by its hash, each writes the same bytes to
 * the same places of one partial file and only ever extends it without a gap, and the first to finish renames it.
 * @throws DownloadError if the content has another size or hash (what was received is then removed), or the server fails
 */
export async function downloadFile(
  download: Download,
  fetch: typeof globalThis.fetch,
  options: DownloadOptions,
): Promise<void> {
  const { url, target, bytes, digest } = download;
  const { signal } = options;
  // Left by a process that ended between renaming and recording.
  if ((await fileBytes(target)) === bytes && (await hashFile(target, digest.algorithm, signal)) === digest.hex) return;
  const partial = `${target}.partial`;
  await mkdir(dirname(target), { recursive: true });
  if (((await fileBytes(partial)) ?? 0) > bytes) await rm(partial, { force: true });
  const file = await open(partial, constants.O_RDWR | constants.O_CREAT);
  try {
    await withRetries(() => receive(download, file, fetch, options), options);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await verifyDownload(download, partial, signal);
    await rename(partial, target);
  } catch (error) {
    if (!isMissing(error)) throw error;
    // Another process was first: it has renamed the verified file, or removed a wrong one.
    if ((await fileBytes(target)) === bytes) return;
    throw new DownloadError(`${url}: another process removed a damaged download of it; run it again`, { cause: error });
  }
}

/** Appends to the partial file what it lacks. */
async function receive(
  { url, file: name, bytes }: Download,
  file: FileHandle,
  fetch: typeof globalThis.fetch,
  { onProgress, signal }: DownloadOptions,
): Promise<void> {
  const start = (await file.stat()).size;
  onProgress?.({ file: name, receivedBytes: start, totalBytes: bytes });
  if (start === bytes) return;
  // Encoded content would make ranges count encoded bytes.
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (start > 0) headers.range = `bytes=${start}-`;
  const response = await fetch(url, { headers });
  let position = rangeStart(response);
  if (position > start) {
    await response.body?.cancel();
    throw new DownloadError(`${url} answers with bytes from ${position}, asked for from ${start}`);
  }
  try {
    for await (const chunk of response.body ?? []) {
      if (position + chunk.length > bytes) {
        await file.truncate(0);
        throw new DownloadError(`${url} sends more than the ${bytes} bytes it announced; what was received is removed`);
      }
      await file.write(chunk, 0, chunk.length, position);
      position += chunk.length;
      onProgress?.({ file: name, receivedBytes: position, totalBytes: bytes });
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DownloadError || (error as NodeJS.ErrnoException).syscall === "write") throw error;
    const message = `The connection broke after ${position} of ${bytes} bytes of ${name} (${describeFailure(error)})`;
    throw new TransientError(message, { cause: error, progressed: position > start });
  }
  if (position < bytes) {
    const message = `The server closed after ${position} of ${bytes} bytes of ${name}`;
    throw new TransientError(message, { progressed: position > start });
  }
}

/** First byte that an answer carries: 0 if the server ignored the range. */
function rangeStart(response: Response): number {
  if (response.status !== 206) return 0;
  const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
  return start === undefined ? Number.POSITIVE_INFINITY : Number(start);
}

async function verifyDownload(
  { url, bytes, digest }: Download,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const found = await hashFile(path, digest.algorithm, signal);
  if (found === digest.hex) return;
  await rm(path, { force: true });
  throw new DownloadError(
    `${url}: expected ${digest.algorithm} ${digest.hex}, found ${found} (${bytes} bytes). ` +
      "What was received is removed; run it again, and if it fails again, distrust the server",
  );
}
