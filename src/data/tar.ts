import { type FileHandle, open } from "node:fs/promises";
import { InputError } from "../errors.js";
import { readExactly } from "../tensor/files.js";

/** A file inside an archive. */
export interface TarEntry {
  readonly name: string;
  /** Of its content, from the start of the archive. */
  readonly offset: number;
  readonly byteLength: number;
}

const blockBytes = 512;

/**
 * The files of a tar archive, in order, with their places: only headers are read.
 * Source: POSIX.1-2001 pax and ustar; GNU long names.
 * @throws InputError if the archive is damaged or cut short
 */
export async function* listTar(path: string): AsyncGenerator<TarEntry, void, void> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    let longName: string | undefined;
    for (let position = 0; position + blockBytes <= size; ) {
      const header = await read(handle, position, blockBytes);
      if (header.every((byte) => byte === 0)) return;
      const byteLength = Number.parseInt(field(header, 124, 12) || "0", 8);
      const offset = position + blockBytes;
      if (
        !(byteLength >= 0) ||
        offset + byteLength > size ||
        checksum(header) !== Number.parseInt(field(header, 148, 8), 8)
      ) {
        throw new InputError(`${path}: the archive is damaged or cut short at byte ${position}; fetch it again`);
      }
      const type = String.fromCharCode(header[156] as number);
      if (type === "L") longName = field(await read(handle, offset, byteLength), 0, byteLength);
      else if (type === "x") longName = paxPath(await read(handle, offset, byteLength)) ?? longName;
      else {
        const prefix = field(header, 257, 5) === "ustar" ? field(header, 345, 155) : "";
        const name = longName ?? (prefix ? `${prefix}/` : "") + field(header, 0, 100);
        if (type === "0" || type === "\0") yield { name, offset, byteLength };
        longName = undefined;
      }
      position = offset + Math.ceil(byteLength / blockBytes) * blockBytes;
    }
    throw new InputError(`${path}: the archive is cut short; fetch it again`);
  } finally {
    await handle.close();
  }
}

async function read(handle: FileHandle, position: number, byteLength: number): Promise<Buffer> {
  const bytes = Buffer.alloc(byteLength);
  await readExactly(handle, bytes, position);
  return bytes;
}

/** Text up to the first zero byte. */
function field(bytes: Buffer, start: number, length: number): string {
  return (bytes.toString("utf8", start, start + length).split("\0")[0] as string).trim();
}

/** Sum of the header's bytes, those of the sum itself counted as spaces. */
function checksum(header: Buffer): number {
  return header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 0x20 : byte), 0);
}

/** The path in a pax header: records of `LENGTH KEY=VALUE\n`. */
function paxPath(bytes: Buffer): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(bytes.toString("utf8"))?.[1];
}
