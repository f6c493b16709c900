import { CheckpointError } from "../errors.js";

/** Python's integers have no limit; 16 bytes hold every seed, size and time stamp. */
const integerLimitBytes = 16;
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads the parts of a pickle's instructions one after another. Its methods throw CheckpointError where it ends too early. */
export class PickleReader {
  private readonly view: DataView;
  private position = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  readUint(size: 1 | 2 | 4): number {
    const at = this.skip(size);
    if (size === 1) return this.view.getUint8(at);
    return size === 2 ? this.view.getUint16(at, true) : this.view.getUint32(at, true);
  }

  readInt32(): number {
    return this.view.getInt32(this.skip(4), true);
  }

  /** Floats are the one thing that pickle writes big-endian. */
  readFloat(): number {
    return this.view.getFloat64(this.skip(8), false);
  }

  readLong(length: number): number | bigint {
    if (length > integerLimitBytes) this.fail(`an integer of ${length} bytes`);
    const start = this.skip(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.view.getUint8(start + i));
    const signed = BigInt.asIntN(8 * length, value);
    return BigInt.asIntN(53, signed) === signed ? Number(signed) : signed;
  }

  readUint64(): number {
    return Number(this.view.getBigUint64(this.skip(8), true));
  }

  readText(length: number): string {
    const start = this.skip(length);
    return this.decode(start, start + length);
  }

  /** A view, not a copy. Python 2's strings are bytes too. */
  readBytes(length: number): Uint8Array {
    const start = this.skip(length);
    return this.bytes.subarray(start, start + length);
  }

  readLine(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) this.fail("a line that does not end");
    const start = this.position;
    this.position = end + 1;
    return this.decode(start, end);
  }

  /** Steps over `length` bytes and gives the position where they start. */
  skip(length: number): number {
    if (length > this.bytes.length - this.position) this.fail("more bytes than there are");
    this.position += length;
    return this.position - length;
  }

  fail(what: string): never {
    throw new CheckpointError(
      `The pickle asks for ${what} (before byte ${this.position}); it is damaged or no checkpoint.`,
    );
  }

  private decode(start: number, end: number): string {
    return utf8.decode(this.bytes.subarray(start, end));
  }
}
