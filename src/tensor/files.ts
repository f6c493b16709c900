import { constants } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";
import { CheckpointError } from "../errors.js";
import { type DType, type TypedArrays, viewBytes } from "./dtype.js";

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
      throw new CheckpointError(
        `The file ends before byte ${position + bytes.length}, inside its data; fetch it again.`,
      );
    }
    done += bytesRead;
  }
}

/**
 * Reads `byteLength` bytes from `position` on as elements of a dtype.
 * @throws CheckpointError if the file ends before, they are more than an array can hold, or not what the dtype allows
 */
export async function readElements<D extends DType>(
  handle: FileHandle,
  dtype: D,
  position: number,
  byteLength: number,
): Promise<TypedArrays[D]> {
  if (byteLength > constants.MAX_LENGTH) {
    throw new CheckpointError(`A tensor of ${byteLength} bytes is larger than an array can be in this Node.js.`);
  }
  const bytes = new Uint8Array(byteLength);
  await readExactly(handle, bytes, position);
  if (dtype === "bool" && bytes.some((byte) => byte > 1)) {
    throw new CheckpointError("A tensor of dtype bool holds bytes other than 0 and 1; the file is damaged.");
  }
  return viewBytes(dtype, bytes);
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
