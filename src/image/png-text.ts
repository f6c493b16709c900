import { inflateSync } from "node:zlib";
import { InputError } from "../errors.js";

/** One chunk of a PNG file; `start` to `end` is the whole chunk, length and CRC included. */
interface PngChunk {
  type: string;
  data: Uint8Array;
  crc: number;
  start: number;
  end: number;
}

export interface PngTextLimits {
  /** Most bytes of one text and its keyword, after decompression. Default 1 MiB. */
  maxTextBytes?: number;
  /** Most bytes of all texts together. Default 4 MiB. */
  maxTotalBytes?: number;
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const utf8 = new TextDecoder("utf-8", { fatal: true });
/** Characters of keywords and of tEXt: printable ASCII, and for texts line feeds. Latin-1 is left to iTXt. */
const asciiText = /^[\n\x20-\x7e]*$/;
const keywordPattern = /^(?! )[\x20-\x7e]{1,79}(?<! )$/;

/**
 * Adds texts to a PNG, before its pixels: as tEXt where all characters are ASCII, else as iTXt (UTF-8).
 * Texts that the file already has stay; one of the same keyword is replaced.
 * Source: PNG specification (third edition) 11.3.3.
 * @param png   a PNG file
 * @param texts keyword (1 to 79 printable ASCII characters) to text
 * @throws InputError if the file is no PNG, a keyword is not allowed, or a text holds a NUL
 */
export function writePngText(png: Uint8Array, texts: Readonly<Record<string, string>>): Uint8Array {
  const kept: Uint8Array[] = [];
  const added = Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text));
  for (const chunk of readChunks(png)) {
    // The header must stay first; text belongs right after it, so that a reader need not pass the pixels.
    if (chunk.type === "IHDR") kept.push(png.subarray(chunk.start, chunk.end), ...added);
    else if (!(isText(chunk) && Object.hasOwn(texts, keywordOf(chunk))))
      kept.push(png.subarray(chunk.start, chunk.end));
  }
  return concat([signature, ...kept]);
}

/**
 * Reads the texts of a PNG: its tEXt, zTXt and iTXt chunks. Of several with one keyword, the first counts.
 * Memory is bounded by the limits whatever the file holds, and each text's CRC is checked.
 * @param png a PNG file
 * @returns keyword to text
 * @throws InputError if the file is no PNG, a chunk reaches past its end, or a text is damaged or over a limit
 */
export function readPngText(png: Uint8Array, limits: PngTextLimits = {}): Map<string, string> {
  const { maxTextBytes = 2 ** 20, maxTotalBytes = 2 ** 22 } = limits;
  const texts = new Map<string, string>();
  let totalBytes = 0;
  for (const chunk of readChunks(png)) {
    if (!isText(chunk)) continue;
    if (crc32(png.subarray(chunk.start + 4, chunk.end - 4)) !== chunk.crc) {
      throw new InputError(`The PNG's ${chunk.type} text is damaged (its checksum differs). Copy the file again.`);
    }
    const { keyword, bytes, text } = decodeText(chunk, maxTextBytes);
    totalBytes += bytes;
    if (bytes > maxTextBytes || totalBytes > maxTotalBytes) {
      throw new InputError(`The PNG's texts are larger than ${maxTextBytes} bytes each or ${maxTotalBytes} together.`);
    }
    if (!texts.has(keyword)) texts.set(keyword, text);
  }
  return texts;
}

function* readChunks(png: Uint8Array): Generator<PngChunk> {
  if (png.length < 8 || signature.some((byte, i) => png[i] !== byte)) throw new InputError("This is not a PNG file.");
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  let start = 8;
  for (let type = ""; type !== "IEND"; ) {
    if (start + 12 > png.length) throw new InputError("The PNG is cut short. Copy or download it again.");
    const length = view.getUint32(start);
    const end = start + 12 + length;
    type = latin1(png.subarray(start + 4, start + 8));
    if (end > png.length) throw new InputError(`The PNG is cut short in its ${type} chunk. Copy or download it again.`);
    if ((start === 8) !== (type === "IHDR")) throw new InputError("The PNG's header is not its first chunk.");
    yield { type, data: png.subarray(start + 8, end - 4), crc: view.getUint32(end - 4), start, end };
    start = end;
  }
}

function isText({ type }: PngChunk): boolean {
  return type === "tEXt" || type === "zTXt" || type === "iTXt";
}

function keywordOf({ data }: PngChunk): string {
  return latin1(data.subarray(0, data.indexOf(0)));
}

/** Source: PNG specification 11.3.3.2 to 11.3.3.4. */
function decodeText(chunk: PngChunk, maxBytes: number): { keyword: string; bytes: number; text: string } {
  const { type, data } = chunk;
  try {
    const keyword = keywordOf(chunk);
    if (keyword.length < 1 || keyword.length > 79) throw new Error("its keyword has not 1 to 79 characters");
    let rest = data.subarray(keyword.length + 1);
    let compressed = false;
    if (type === "zTXt") {
      if (rest[0] !== 0) throw new Error("unknown compression");
      compressed = true;
      rest = rest.subarray(1);
    } else if (type === "iTXt") {
      if (rest.length < 2) throw new Error("it is cut short");
      if (rest[0]! > 1 || (rest[0] === 1 && rest[1] !== 0)) throw new Error("unknown compression");
      compressed = rest[0] === 1;
      rest = afterNul(afterNul(rest.subarray(2))); // a language tag and a translated keyword, which we do not use
    }
    const bytes = compressed ? inflateSync(rest, { maxOutputLength: maxBytes }) : rest;
    const text = type === "iTXt" ? utf8.decode(bytes) : latin1(bytes);
    return { keyword, bytes: keyword.length + bytes.length, text };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InputError(`The PNG's ${type} text cannot be read: ${why}.`, { cause: error });
  }
}

/** Not TextDecoder("latin1"), which by the Encoding Standard is Windows-1252. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function afterNul(bytes: Uint8Array): Uint8Array {
  const nul = bytes.indexOf(0);
  if (nul < 0) throw new Error("it is cut short");
  return bytes.subarray(nul + 1);
}

function textChunk(keyword: string, text: string): Uint8Array {
  if (!keywordPattern.test(keyword)) {
    throw new InputError(`"${keyword}" cannot be a PNG keyword: use 1 to 79 printable ASCII characters.`);
  }
  if (text.includes("\0")) throw new InputError(`The PNG text "${keyword}" holds a NUL character; remove it.`);
  const encoder = new TextEncoder();
  return asciiText.test(text)
    ? encodeChunk("tEXt", encoder.encode(`${keyword}\0${text}`))
    : encodeChunk("iTXt", encoder.encode(`${keyword}\0\0\0\0\0${text}`)); // uncompressed, no language, no translation
}

function encodeChunk(type: string, data: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(12 + data.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, data.length);
  chunk.set(new TextEncoder().encode(type), 4);
  chunk.set(data, 8);
  view.setUint32(8 + data.length, crc32(chunk.subarray(4, 8 + data.length)));
  return chunk;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** CRC-32 as PNG and zip use it. Source: PNG specification, annex D. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
