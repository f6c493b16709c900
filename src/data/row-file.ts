import { type FileHandle, open } from "node:fs/promises";
import { CheckpointError } from "../errors.js";
import { bytesPerElement, type DType, type TypedArrays, viewBytes } from "../tensor/dtype.js";
import { readExactly } from "../tensor/files.js";
import { openSafetensors } from "../tensor/safetensors.js";
import { elementCount, type Shape } from "../tensor/tensor.js";

/** A safetensors file of one tensor whose rows are read by their place, so that opening it costs nothing. */
export class RowFile<D extends DType> {
  private constructor(
    private readonly handle: FileHandle,
    private readonly dtype: D,
    private readonly offset: number,
    readonly count: number,
    /** Of one row. */
    readonly shape: Shape,
  ) {}

  /** @throws CheckpointError if the file is damaged, or its tensor has another dtype or rank */
  static async open<D extends DType>(path: string, name: string, dtype: D, rank: number): Promise<RowFile<D>> {
    const entry = (await openSafetensors(path)).entries.get(name);
    if (entry?.dtype !== dtype || entry.shape.length !== rank) {
      throw new CheckpointError(
        `${path} does not hold "${name}" as ${dtype} with ${rank} axes; prepare the data again`,
      );
    }
    const [count = 0, ...shape] = entry.shape;
    return new RowFile(await open(path, "r"), dtype, entry.offset, count, shape);
  }

  async read(row: number): Promise<TypedArrays[D]> {
    const bytes = new Uint8Array(elementCount(this.shape) * bytesPerElement(this.dtype));
    await readExactly(this.handle, bytes, this.offset + row * bytes.length);
    return viewBytes(this.dtype, bytes);
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

/** Room that is kept for the header, whose length is only known at the end. */
const headerBytes = 512;
const lengthBytes = 8;

/**
 * Writes a safetensors file row by row. The number of rows is put into its header at the end; until then the file is not
 * one that can be read. It can be cut back to a number of rows and gone on with.
 */
export class RowFileWriter {
  private constructor(
    private readonly handle: FileHandle,
    private readonly options: { readonly name: string; readonly dtype: DType; readonly shape: Shape },
    private rows: number,
  ) {}

  /** @param rows that are there already and stay; everything after them is cut off */
  static async open(path: string, options: { name: string; dtype: DType; shape: Shape }, rows: number) {
    const handle = await open(path, rows === 0 ? "w" : "r+");
    const writer = new RowFileWriter(handle, options, rows);
    await handle.truncate(writer.position);
    return writer;
  }

  async append(row: Uint8Array | Uint16Array | Float32Array): Promise<void> {
    const bytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
    await this.handle.write(bytes, 0, bytes.length, this.position);
    this.rows++;
  }

  /** Makes sure that the rows so far survive a crash. */
  sync(): Promise<void> {
    return this.handle.sync();
  }

  /** Completes the file. */
  async finish(): Promise<void> {
    const { name, shape } = this.options;
    const dtype = { u8: "U8", f16: "F16", f32: "F32" }[this.options.dtype as "u8" | "f16" | "f32"];
    const end = this.position - headerBytes;
    const json = JSON.stringify({ [name]: { dtype, shape: [this.rows, ...shape], data_offsets: [0, end] } });
    const header = Buffer.alloc(headerBytes, " ");
    header.writeBigUint64LE(BigInt(headerBytes - lengthBytes));
    header.write(json, lengthBytes);
    await this.handle.write(header, 0, headerBytes, 0);
    await this.handle.sync();
    await this.handle.close();
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  private get position(): number {
    const { dtype, shape } = this.options;
    return headerBytes + this.rows * elementCount(shape) * bytesPerElement(dtype);
  }
}
