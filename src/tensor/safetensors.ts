import type { FileHandle } from "node:fs/promises";
import { CheckpointError, InputError, ShapeError } from "../errors.js";
import { writeFileAtomic } from "./atomic-file.js";
import { bytesPerElement, type DType } from "./dtype.js";
import { readElements, readExactly, withFile } from "./files.js";
import { type HeaderValue, parseHeaderJson } from "./header-json.js";
import { quote } from "./quote.js";
import { safetensorsDTypes } from "./safetensors-dtypes.js";
import { byteLengthOf, elementCount, type Shape, type Tensor, tensor } from "./tensor.js";

/** Where one tensor lies in a safetensors file. */
export interface TensorEntry {
  dtype: DType;
  shape: Shape;
  /** First byte, counted from the start of the file. */
  offset: number;
  byteLength: number;
}

/** A safetensors file whose header was read and checked; the tensors are read one by one with {@link readTensor}. */
export interface SafetensorsFile {
  path: string;
  metadata: Readonly<Record<string, string>>;
  entries: ReadonlyMap<string, TensorEntry>;
}

/** The format's own limit, which its reference implementation enforces too. */
const headerLimitBytes = 100_000_000;
const lengthBytes = 8;
/** The data starts at a multiple of this. */
const alignment = 8;

/**
 * Reads and checks the header of a safetensors file; no tensor is loaded, whatever the file's size.
 * Source: github.com/huggingface/safetensors, "Format". Overlaps, gaps and bytes after the last tensor are refused.
 * @throws CheckpointError if the file is missing, cut short or damaged, or holds a dtype that is not supported
 */
export function openSafetensors(path: string): Promise<SafetensorsFile> {
  return withFile(path, async (handle, size) => {
    const { header, dataStart } = await readHeader(handle, size);
    const { metadata, entries } = interpretHeader(header, dataStart);
    checkLayout(entries, dataStart, size);
    return { path, metadata, entries };
  });
}

/**
 * Reads one tensor.
 * @throws CheckpointError if there is none of that name, or the file was cut short since it was opened
 */
export function readTensor(file: SafetensorsFile, name: string): Promise<Tensor> {
  const entry = file.entries.get(name);
  if (entry === undefined) return Promise.reject(new CheckpointError(`${file.path} has no tensor ${quote(name)}.`));
  return withFile(file.path, async (handle) => {
    return tensor(entry.dtype, entry.shape, await readElements(handle, entry.dtype, entry.offset, entry.byteLength));
  });
}

/** A tensor that is made or read when its turn comes to be written. */
export interface LazyTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  read(): Promise<Tensor>;
}

/**
 * Writes a safetensors file, whole or not at all. Lazy tensors are read one at a time, so the file may be larger than
 * memory. The bytes depend on nothing but names, values and metadata: tensors lie in the order of
 * {@link safetensorsDTypes}, then by name, and the data starts at a multiple of 8, all as the reference implementation has it.
 * @throws InputError if a name occurs twice or is `__metadata__`
 * @throws ShapeError if a lazy tensor turns out to have another dtype or shape
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [name: string, source: Tensor | LazyTensor]>,
  options: { readonly metadata?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const inOrder = [...tensors].sort(compareForWriting);
  const header = makeHeader(inOrder, options.metadata);
  await writeFileAtomic(path, async (file) => {
    await file.writeFile(header);
    for (const [name, source] of inOrder) {
      const { dtype, shape, data } = "read" in source ? await source.read() : source;
      if (dtype !== source.dtype || String(shape) !== String(source.shape)) {
        throw new ShapeError(
          `Tensor ${quote(name)} was announced as ${source.dtype} [${source.shape}] but came as ${dtype} [${shape}].`,
        );
      }
      await file.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  });
}

type NamedSource = readonly [name: string, source: Tensor | LazyTensor];

const formatNames = new Map([...safetensorsDTypes].map(([formatName, dtype]) => [dtype, formatName]));
const layoutOrder = [...safetensorsDTypes.values()];

function compareForWriting([nameA, a]: NamedSource, [nameB, b]: NamedSource): number {
  const byDType = layoutOrder.indexOf(a.dtype) - layoutOrder.indexOf(b.dtype);
  return byDType || Buffer.compare(Buffer.from(nameA), Buffer.from(nameB));
}

function makeHeader(tensors: readonly NamedSource[], metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const fields: string[] = [];
  const metadataEntries = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (metadataEntries.length > 0) {
    const pairs = metadataEntries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    fields.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  const names = new Set(["__metadata__"]);
  let offset = 0;
  for (const [name, { dtype, shape }] of tensors) {
    if (names.has(name)) throw new InputError(`A safetensors file cannot hold ${quote(name)} twice; rename one.`);
    names.add(name);
    const end = offset + elementCount(shape) * bytesPerElement(dtype);
    const description = { dtype: formatNames.get(dtype), shape, data_offsets: [offset, end] };
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(description)}`);
    offset = end;
  }
  const json = Buffer.from(`{${fields.join(",")}}`);
  const header = Buffer.alloc(lengthBytes + Math.ceil(json.length / alignment) * alignment, " ");
  header.writeBigUint64LE(BigInt(header.length - lengthBytes));
  header.set(json, lengthBytes);
  return header;
}

async function readHeader(handle: FileHandle, size: number): Promise<{ header: string; dataStart: number }> {
  const prefix = new Uint8Array(lengthBytes);
  await readExactly(handle, prefix, 0);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > headerLimitBytes || lengthBytes + Number(length) > size) {
    throw new CheckpointError(
      `A header of ${length} bytes does not fit in a safetensors file of ${size} bytes (headers have at most ${headerLimitBytes}); the file is cut short or not a safetensors file.`,
    );
  }
  const bytes = new Uint8Array(Number(length));
  await readExactly(handle, bytes, lengthBytes);
  try {
    const header = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { header, dataStart: lengthBytes + bytes.length };
  } catch (cause) {
    throw new CheckpointError("The header is not UTF-8 text; this is not a safetensors file.", { cause });
  }
}

function interpretHeader(text: string, dataStart: number): Pick<SafetensorsFile, "metadata" | "entries"> {
  // The format wants the brace first, so that the file cannot pass for another kind as well.
  if (!text.startsWith("{")) {
    throw new CheckpointError("The header does not start with '{'; this is not a safetensors file.");
  }
  let metadata: Readonly<Record<string, string>> = {};
  const entries = new Map<string, TensorEntry>();
  for (const [name, value] of parseHeaderJson(text)) {
    if (name === "__metadata__") metadata = interpretMetadata(value);
    else entries.set(name, interpretEntry(name, value, dataStart));
  }
  return { metadata, entries };
}

function interpretMetadata(value: HeaderValue): Readonly<Record<string, string>> {
  if (!(value instanceof Map) || ![...value.values()].every((item) => typeof item === "string")) {
    throw new CheckpointError("The header's `__metadata__` is not an object of strings; write the file again.");
  }
  return Object.fromEntries(value as Map<string, string>);
}

function interpretEntry(name: string, value: HeaderValue, dataStart: number): TensorEntry {
  const fields: ReadonlyMap<string, HeaderValue> = value instanceof Map ? value : new Map();
  const dtypeName = fields.get("dtype");
  const shape = fields.get("shape");
  const [begin, end, ...more] = wholeNumbers(fields.get("data_offsets")) ?? [];
  if (
    fields.size !== 3 ||
    typeof dtypeName !== "string" ||
    begin === undefined ||
    end === undefined ||
    more.length > 0
  ) {
    throw new CheckpointError(`Tensor ${quote(name)} is not described by dtype, shape and two data_offsets alone.`);
  }
  const dtype = safetensorsDTypes.get(dtypeName);
  if (dtype === undefined) {
    throw new CheckpointError(
      `Tensor ${quote(name)} has dtype ${quote(dtypeName)}, which is not supported; save it as one of ${[...safetensorsDTypes.keys()].join(", ")}.`,
    );
  }
  const sizes = wholeNumbers(shape);
  const byteLength = sizes && byteLengthOf(dtype, sizes);
  if (sizes === undefined || byteLength === undefined || begin > end || byteLength !== end - begin) {
    throw new CheckpointError(
      `Tensor ${quote(name)}: bytes ${begin} to ${end} do not hold ${dtypeName} of shape ${quote(String(sizes))}.`,
    );
  }
  return { dtype, shape: sizes, offset: dataStart + begin, byteLength };
}

function wholeNumbers(value: HeaderValue | undefined): readonly number[] | undefined {
  const isList = Array.isArray(value) && value.every((item) => typeof item === "number");
  return isList ? (value as readonly number[]) : undefined;
}

/** Every byte after the header belongs to exactly one tensor. */
function checkLayout(entries: ReadonlyMap<string, TensorEntry>, dataStart: number, size: number): void {
  const inOrder = [...entries].sort(([, a], [, b]) => a.offset - b.offset || a.byteLength - b.byteLength);
  let expected = dataStart;
  for (const [name, { offset, byteLength }] of inOrder) {
    if (offset !== expected) {
      const fault =
        offset < expected ? "overlaps the one before it" : `leaves ${offset - expected} bytes unused before it`;
      throw new CheckpointError(`Tensor ${quote(name)} ${fault}; the file is damaged.`);
    }
    expected += byteLength;
  }
  if (expected !== size) {
    throw new CheckpointError(`The header describes ${expected} bytes but the file has ${size}; fetch it again.`);
  }
}
