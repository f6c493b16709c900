import type { FileHandle } from "node:fs/promises";
import { CheckpointError } from "../errors.js";
import { allocate, bytesPerElement, type DType } from "./dtype.js";
import { readElements, readExactly, withFile } from "./files.js";
import { PickleTuple } from "./pickle.js";
import { quote } from "./quote.js";
import { writeSafetensors } from "./safetensors.js";
import { byteLengthOf, elementCount, type Shape, type Tensor, tensor } from "./tensor.js";
import { readTorchPickle, type TorchStorage, TorchView } from "./torch-pickle.js";
import { locateZipData, readZipDirectory, type ZipEntry } from "./zip.js";

/** Where one tensor lies in a torch checkpoint. */
export interface TorchTensorEntry {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Elements from one index to the next, for each axis; 0 where a tensor was expanded. */
  readonly strides: readonly number[];
  /** First element's first byte, counted from the start of the file. */
  readonly offset: number;
}

/** A torch checkpoint whose list of tensors was read and checked; they are read one by one with {@link readTorchTensor}. */
export interface TorchCheckpoint {
  readonly path: string;
  readonly entries: ReadonlyMap<string, TorchTensorEntry>;
}

/** A pickle holds names and shapes; that of an SDXL UNet has 0.2 MB. */
const pickleLimitBytes = 16 * 2 ** 20;
const depthLimit = 32;
const nameLimit = 1024;
const valueLimit = 200_000;
/** Tied weights share a storage and expanded ones repeat it, so tensors may take more room than the file; this much more. */
const repetitionLimit = 4;
const repetitionSlackBytes = 64 * 2 ** 20;

/**
 * Reads the list of tensors in a file made by `torch.save` (`.bin`, `.pt`, `.pth`, `.ckpt`) of torch 1.6 or later. Nothing in
 * the file is executed, and no tensor is loaded, whatever the file's size.
 *
 * Tensors in nested dicts and lists get names joined by dots. Of a training checkpoint with a `state_dict`, only that is
 * read. Whatever is no tensor is left out.
 * @throws CheckpointError if the file is of another format, damaged, has no tensors, or refers to anything but tensors
 * and plain containers
 */
export function openTorchCheckpoint(path: string): Promise<TorchCheckpoint> {
  return withFile(path, async (handle, size) => {
    await checkFormat(handle, size);
    const archive = await readZipDirectory(handle, size);
    const root = findRoot(archive);
    await checkByteOrder(handle, archive.get(`${root}byteorder`));
    const pickle = await readEntry(handle, archive.get(`${root}data.pkl`)!, pickleLimitBytes);
    const views = collectViews(readTorchPickle(pickle));
    checkTotal(views, size);
    return { path, entries: await locate(handle, views, (key) => archive.get(`${root}data/${key}`)) };
  });
}

/**
 * Reads one tensor, made contiguous if it is not.
 * @throws CheckpointError if there is none of that name, or the file was cut short since it was opened
 */
export function readTorchTensor(checkpoint: TorchCheckpoint, name: string): Promise<Tensor> {
  const entry = checkpoint.entries.get(name);
  if (entry === undefined) {
    return Promise.reject(new CheckpointError(`${checkpoint.path} has no tensor ${quote(name)}.`));
  }
  const { dtype, shape, strides, offset } = entry;
  return withFile(checkpoint.path, async (handle) => {
    const count = elementCount(shape);
    if (count === 0) return tensor(dtype, shape, allocate(dtype, 0));
    const span = 1 + shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 0);
    const elements = await readElements(handle, dtype, offset, span * bytesPerElement(dtype));
    if (isContiguous(shape, strides)) return tensor(dtype, shape, elements);
    const gathered = allocate(dtype, count);
    forEachOffset(shape, strides, (from, i) => {
      gathered[i] = elements[from]!;
    });
    return tensor(dtype, shape, gathered);
  });
}

/**
 * Rewrites a torch checkpoint as safetensors, one tensor at a time, so that files larger than memory can be converted.
 * @throws CheckpointError as {@link openTorchCheckpoint}
 */
export async function convertTorchCheckpoint(torchPath: string, safetensorsPath: string): Promise<void> {
  const checkpoint = await openTorchCheckpoint(torchPath);
  const tensors = [...checkpoint.entries].map(([name, { dtype, shape }]) => {
    return [name, { dtype, shape, read: () => readTorchTensor(checkpoint, name) }] as const;
  });
  await writeSafetensors(safetensorsPath, tensors, { metadata: { format: "pt" } });
}

async function checkFormat(handle: FileHandle, size: number): Promise<void> {
  const start = Buffer.alloc(Math.min(512, size));
  await readExactly(handle, start, 0);
  if (start.toString("latin1", 0, 4) === "PK\x03\x04") return;
  const saveAgain = "load it with torch 1.6 or later, save it again with torch.save, and use that file";
  if (start.subarray(257, 262).toString("latin1") === "ustar" || start[0] === 0x80) {
    throw new CheckpointError(`This is a checkpoint in the format that torch had before version 1.6; ${saveAgain}.`);
  }
  if (start.toString("latin1").startsWith("version https://git-lfs")) {
    throw new CheckpointError("This is a Git LFS pointer, not the file itself; fetch the file with git lfs pull.");
  }
  throw new CheckpointError("This is not a torch checkpoint; fetch the file again, or give the path of another.");
}

/** The folder of the archive that holds everything, with its slash; torch names it after the file. */
function findRoot(archive: ReadonlyMap<string, ZipEntry>): string {
  const pickles = [...archive.keys()].filter((name) => /^[^/]*\/data\.pkl$/.test(name));
  if (pickles.length !== 1) throw new CheckpointError("The archive has no data.pkl; this is not a torch checkpoint.");
  const root = pickles[0]!.slice(0, -"data.pkl".length);
  if (archive.has(`${root}constants.pkl`)) {
    throw new CheckpointError("This is a TorchScript program; save the module's state_dict() and use that file.");
  }
  return root;
}

async function checkByteOrder(handle: FileHandle, entry: ZipEntry | undefined): Promise<void> {
  if (entry === undefined) return; // before torch 2.1, always little
  const order = Buffer.from(await readEntry(handle, entry, 16)).toString("latin1");
  if (order !== "little")
    throw new CheckpointError(`Its numbers are ${quote(order)}-endian; save it on another machine.`);
}

async function readEntry(handle: FileHandle, entry: ZipEntry, limitBytes: number): Promise<Uint8Array> {
  if (entry.size > limitBytes) {
    throw new CheckpointError(`Entry ${quote(entry.name)} has ${entry.size} bytes; at most ${limitBytes} are read.`);
  }
  const bytes = new Uint8Array(entry.size);
  await readExactly(handle, bytes, await locateZipData(handle, entry));
  return bytes;
}

/** All tensors below a value, by dotted name. */
function collectViews(value: unknown): ReadonlyMap<string, TorchView> {
  let root = value;
  for (let depth = 0; root instanceof Map && root.get("state_dict") instanceof Map; depth++) {
    if (depth === depthLimit) throw tooLarge();
    root = root.get("state_dict");
  }
  if (root instanceof TorchView) {
    throw new CheckpointError(
      'The checkpoint is one tensor without a name; save it in a dict, such as {"weight": tensor}.',
    );
  }
  const views = new Map<string, TorchView>();
  let visited = 0;
  // Containers may share or even contain each other, so depth and total are limited rather than the file's size.
  const visit = (item: unknown, name: string, depth: number): void => {
    if (++visited > valueLimit || depth > depthLimit || name.length > nameLimit) throw tooLarge();
    if (item instanceof TorchView) {
      if (views.has(name)) throw new CheckpointError(`The checkpoint has two tensors named ${quote(name)}.`);
      views.set(name, item);
      return;
    }
    for (const [key, child] of childrenOf(item)) {
      const isNamed = typeof key === "string" || typeof key === "number";
      if (isNamed) visit(child, depth === 0 ? String(key) : `${name}.${key}`, depth + 1);
    }
  };
  visit(root, "", 0);
  if (views.size === 0)
    throw new CheckpointError("The checkpoint has no tensors; is it another part of a training run?");
  return views;
}

function childrenOf(value: unknown): Iterable<readonly [unknown, unknown]> {
  if (value instanceof Map) return value;
  if (value instanceof PickleTuple) return value.items.entries();
  return Array.isArray(value) ? value.entries() : [];
}

function tooLarge(): CheckpointError {
  return new CheckpointError(
    `The checkpoint nests deeper than ${depthLimit} containers, has more than ${valueLimit} values or names longer than ${nameLimit}; it is damaged or no set of weights.`,
  );
}

function checkTotal(views: ReadonlyMap<string, TorchView>, fileSize: number): void {
  let total = 0;
  for (const { storage, shape } of views.values()) total += byteLengthOf(storage.dtype, shape) ?? Infinity;
  if (total > repetitionLimit * fileSize + repetitionSlackBytes) {
    throw new CheckpointError(
      `Its tensors would take ${total} bytes but the file has ${fileSize}; save them after .contiguous() and .clone().`,
    );
  }
}

async function locate(
  handle: FileHandle,
  views: ReadonlyMap<string, TorchView>,
  entryOf: (key: string) => ZipEntry | undefined,
): Promise<ReadonlyMap<string, TorchTensorEntry>> {
  const starts = new Map<string, number>();
  const startOf = async ({ key, dtype, length }: TorchStorage): Promise<number> => {
    const entry = entryOf(key);
    if (entry === undefined || entry.size < length * bytesPerElement(dtype)) {
      throw new CheckpointError(`Storage ${quote(key)} is missing or too short in the archive; fetch the file again.`);
    }
    const start = starts.get(key) ?? (await locateZipData(handle, entry));
    starts.set(key, start);
    return start;
  };
  const entries = new Map<string, TorchTensorEntry>();
  for (const [name, { storage, offset, shape, strides }] of views) {
    const start = await startOf(storage);
    entries.set(name, {
      dtype: storage.dtype,
      shape,
      strides,
      offset: start + offset * bytesPerElement(storage.dtype),
    });
  }
  return entries;
}

function isContiguous(shape: Shape, strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** Calls `use` for each element in row-major order with where it lies, counted in elements from the first. */
function forEachOffset(shape: Shape, strides: readonly number[], use: (from: number, index: number) => void): void {
  const position = shape.map(() => 0);
  const count = elementCount(shape);
  let from = 0;
  for (let index = 0; index < count; index++) {
    use(from, index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      position[axis]!++;
      if (position[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      position[axis] = 0;
    }
  }
}
