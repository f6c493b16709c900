import { type FileHandle, mkdir, open, rm, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { CheckpointError, InputError } from "../errors.js";
import { readElements } from "../tensor/files.js";

/** Named vectors of float32 that start as zeros: the state of an optimizer outside of the session. */
export interface StateStore {
  /** A copy of a part of a vector. */
  read(name: string, start: number, count: number): Promise<Float32Array>;
  write(name: string, start: number, values: Float32Array): Promise<void>;
  /** Frees what the vectors took. */
  close(): Promise<void>;
}

/** Lengths of vectors by name. */
export type VectorLengths = ReadonlyMap<string, number>;

/** Vectors in memory. */
export class MemoryStore implements StateStore {
  private readonly vectors = new Map<string, Float32Array>();

  constructor(lengths: VectorLengths) {
    for (const [name, length] of lengths) this.vectors.set(name, new Float32Array(length));
  }

  async read(name: string, start: number, count: number): Promise<Float32Array> {
    return this.vector(name).slice(start, start + count);
  }

  async write(name: string, start: number, values: Float32Array): Promise<void> {
    this.vector(name).set(values, start);
  }

  async close(): Promise<void> {
    this.vectors.clear();
  }

  private vector(name: string): Float32Array {
    return this.vectors.get(name) as Float32Array;
  }
}

/**
 * Vectors in one file, end to end. The system keeps as much of it in memory as there is room for. The file is scratch
 * space: it means nothing once the process has ended, and one that was left behind is replaced.
 */
export class FileStore implements StateStore {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly offsets: ReadonlyMap<string, number>,
  ) {}

  /** @throws InputError if there is no room for the file */
  static async open(path: string, lengths: VectorLengths): Promise<FileStore> {
    const offsets = new Map<string, number>();
    let size = 0;
    for (const [name, length] of lengths) {
      offsets.set(name, size);
      size += 4 * length;
    }
    await mkdir(dirname(path), { recursive: true });
    await rm(path, { force: true });
    const { bavail, bsize } = await statfs(dirname(path));
    if (bavail * bsize < size) {
      const [needed, free] = [size, bavail * bsize].map((bytes) => (bytes / 1e9).toFixed(1));
      throw new InputError(
        `${dirname(path)} has ${free} GB free, and the training state takes ${needed} GB; free some space, or set offload to "memory"`,
      );
    }
    const file = await open(path, "w+");
    await file.truncate(size);
    return new FileStore(path, file, offsets);
  }

  read(name: string, start: number, count: number): Promise<Float32Array> {
    return readElements(this.file, "f32", this.position(name, start), 4 * count);
  }

  /** @throws CheckpointError if it cannot be written, as on a full disk */
  async write(name: string, start: number, values: Float32Array): Promise<void> {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const position = this.position(name, start);
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
      }
    } catch (cause) {
      throw new CheckpointError(
        `${this.path} cannot be written (${(cause as Error).message}); free some space, and --resume`,
        { cause },
      );
    }
  }

  async close(): Promise<void> {
    await this.file.close();
    await rm(this.path, { force: true });
  }

  private position(name: string, start: number): number {
    return (this.offsets.get(name) as number) + 4 * start;
  }
}
