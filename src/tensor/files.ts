import { type FileHandle, open } from "node:fs/promises";
import { CheckpointError } from "../errors.js";

/** One read of the operating system is limited to 2^31 - 1 bytes; larger ones are cut into pieces of this size. */
const readLimitBytes = 2 ** 30;

/**
 * Fills `bytes` from `position` on.
 * @throws CheckpointError if the file ends before
 */
export async function readExactly(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(bytes.length - done, readLimitBytes);
    const { bytesRead } = await handle.read(bytes, done, length, position + done);
    if (bytesRead === 0) {
      throw new CheckpointError(`The file ends at byte ${position + done}, inside its data; fetch it again.`);
    }
    done += bytesRead;
  }
}

/**
 * Opens a file for reading, hands it to `use`, and closes it whatever happens. A CheckpointError that leaves `use`
 * gets the file's path in front.
 * @throws CheckpointError if the file cannot be opened
 */
export async function withFile<T>(path: string, use: (handle: FileHandle, size: number) => Promise<T>): Promise<T> {
  const handle = await open(path).catch((cause: Error) => {
    throw new CheckpointError(`${path} cannot be opened (${cause.message}).`, { cause });
  });
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new CheckpointError("This is not a file; give the path of the file itself.");
    return await use(handle, stat.size);
  } catch (cause) {
    if (cause instanceof CheckpointError) throw new CheckpointError(`${path}: ${cause.message}`, { cause });
    throw cause;
  } finally {
    await handle.close();
  }
}
