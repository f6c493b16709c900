import type { FileHandle } from "node:fs/promises";
import { CheckpointError } from "../errors.js";
import { readExactly } from "./files.js";
import { quote } from "./quote.js";

/*
 * A directory reader of our own, because every zip library at hand either loads or unpacks whole archives, while a
 * checkpoint of many gigabytes must be read by offset. What torch writes is simple: entries are stored, not
 * compressed, so that nothing here inflates anything and an archive cannot unpack to more than its own size.
 * Checksums are not compared: torch can be told to leave them out, and a storage is larger than what is read of it.
 */

/** One file in an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  /** Where its local header starts; the data follow at {@link locateZipData}. */
  readonly headerOffset: number;
}

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;

const endBytes = 22;
const end64Bytes = 56;
const locator64Bytes = 20;
const entryBytes = 46;
const localBytes = 30;
const commentLimitBytes = 65_535;

/** In a 32-bit field: the true value stands in the zip64 record. */
const seeZip64 = 0xffffffff;
const zip64FieldId = 1;

/** A directory of 100,000 entries with names of 100 bytes; the largest checkpoints have some thousands. */
const directoryLimitBytes = 16 * 2 ** 20;

/**
 * Reads the list of an archive's files, with zip64.
 * Source: PKWARE APPNOTE 6.3.10, §4.3 and §4.5.3.
 * @throws CheckpointError if the archive is damaged, compressed, encrypted or split, or a name occurs twice
 */
export async function readZipDirectory(handle: FileHandle, fileSize: number): Promise<ReadonlyMap<string, ZipEntry>> {
  const { offset, size } = await findDirectory(handle, fileSize);
  if (size > directoryLimitBytes)
    throw new CheckpointError(`Its list of entries has ${size} bytes; no checkpoint needs that.`);
  if (offset + size > fileSize) throw damaged();
  const directory = await readView(handle, offset, size);
  const entries = new Map<string, ZipEntry>();
  for (let at = 0; at < size; ) {
    const { entry, end } = readEntry(directory, at);
    if (entry.headerOffset + localBytes + entry.size > offset) throw damaged();
    if (entries.has(entry.name)) throw new CheckpointError(`The archive holds ${quote(entry.name)} twice.`);
    entries.set(entry.name, entry);
    at = end;
  }
  return entries;
}

/**
 * Position in the file of an entry's first byte.
 * @throws CheckpointError if the entry is not where the directory says
 */
export async function locateZipData(handle: FileHandle, entry: ZipEntry): Promise<number> {
  const local = await readView(handle, entry.headerOffset, localBytes);
  if (local.getUint32(0, true) !== localSignature) throw damaged();
  return entry.headerOffset + localBytes + local.getUint16(26, true) + local.getUint16(28, true);
}

async function findDirectory(handle: FileHandle, fileSize: number): Promise<{ offset: number; size: number }> {
  const tailStart = Math.max(0, fileSize - endBytes - commentLimitBytes);
  const tail = await readView(handle, tailStart, fileSize - tailStart);
  for (let at = tail.byteLength - endBytes; at >= 0; at--) {
    const isEnd = tail.getUint32(at, true) === endSignature;
    if (!isEnd || at + endBytes + tail.getUint16(at + 20, true) !== tail.byteLength) continue;
    const size = tail.getUint32(at + 12, true);
    const offset = tail.getUint32(at + 16, true);
    const needs64 = size === seeZip64 || offset === seeZip64 || tail.getUint16(at + 10, true) === 0xffff;
    return needs64 ? findDirectory64(handle, tailStart + at) : { offset, size };
  }
  throw new CheckpointError("The archive has no end; it was cut short. Fetch it again.");
}

async function findDirectory64(handle: FileHandle, endOffset: number): Promise<{ offset: number; size: number }> {
  if (endOffset < locator64Bytes + end64Bytes) throw damaged();
  const locator = await readView(handle, endOffset - locator64Bytes, locator64Bytes);
  const offset64 = readUint64(locator, 8);
  if (locator.getUint32(0, true) !== locator64Signature || offset64 > endOffset - end64Bytes) throw damaged();
  const end64 = await readView(handle, offset64, end64Bytes);
  if (end64.getUint32(0, true) !== end64Signature) throw damaged();
  return { size: readUint64(end64, 40), offset: readUint64(end64, 48) };
}

function readEntry(directory: DataView, at: number): { entry: ZipEntry; end: number } {
  if (at + entryBytes > directory.byteLength || directory.getUint32(at, true) !== entrySignature) throw damaged();
  const nameEnd = at + entryBytes + directory.getUint16(at + 28, true);
  const extraEnd = nameEnd + directory.getUint16(at + 30, true);
  const end = extraEnd + directory.getUint16(at + 32, true);
  if (end > directory.byteLength) throw damaged();

  const name = new TextDecoder().decode(new Uint8Array(directory.buffer, at + entryBytes, nameEnd - at - entryBytes));
  const isEncrypted = (directory.getUint16(at + 8, true) & 1) === 1;
  if (isEncrypted || directory.getUint16(at + 10, true) !== 0) {
    throw new CheckpointError(
      `Entry ${quote(name)} is ${isEncrypted ? "encrypted" : "compressed"}, which torch never does; was the checkpoint packed a second time?`,
    );
  }
  const fields = [
    directory.getUint32(at + 24, true),
    directory.getUint32(at + 20, true),
    directory.getUint32(at + 42, true),
  ];
  const [size, storedSize, headerOffset] = widen(directory, fields, nameEnd, extraEnd);
  if (size !== storedSize) throw damaged();
  return { entry: { name, size: size!, headerOffset: headerOffset! }, end };
}

/** Replaces the fields that did not fit in 32 bits by those of the zip64 extra field, which has only these, in order. */
function widen(
  directory: DataView,
  fields: readonly number[],
  extraStart: number,
  extraEnd: number,
): readonly number[] {
  if (!fields.includes(seeZip64)) return fields;
  for (let at = extraStart; at + 4 <= extraEnd; ) {
    const fieldEnd = at + 4 + directory.getUint16(at + 2, true);
    if (directory.getUint16(at, true) === zip64FieldId && fieldEnd <= extraEnd) {
      let next = at + 4;
      return fields.map((field) => {
        if (field !== seeZip64) return field;
        if (next + 8 > fieldEnd) throw damaged();
        next += 8;
        return readUint64(directory, next - 8);
      });
    }
    at = fieldEnd;
  }
  throw damaged();
}

async function readView(handle: FileHandle, offset: number, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length);
  await readExactly(handle, bytes, offset);
  return new DataView(bytes.buffer);
}

function readUint64(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw damaged();
  return value;
}

function damaged(): CheckpointError {
  return new CheckpointError("The archive's list of entries is damaged; fetch it again.");
}
