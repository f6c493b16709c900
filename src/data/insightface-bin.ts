import { readFile } from "node:fs/promises";
import { CheckpointError, InputError } from "../errors.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { PickleGlobal, PickleTuple, readPickle } from "../tensor/pickle.js";

/** A verification set as insightface keeps it (`lfw.bin`, `agedb_30.bin`, …). */
export interface VerificationSet {
  /** Files (JPEG or PNG) of aligned faces; images 2 i and 2 i + 1 are pair i. */
  images: readonly Uint8Array[];
  /** Whether each pair shows one person. */
  same: readonly boolean[];
}

/**
 * Reads an insightface `.bin`: a pickle of (list of image files, list of booleans), written by Python 2 or 3.
 * Nothing in the file is executed. The images are views of one buffer and are not decoded.
 * @throws InputError if the file cannot be read, or holds anything else
 */
export async function readInsightFaceBin(path: string): Promise<VerificationSet> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`${path}: the verification set cannot be read (${cause.code}). Check the path.`, { cause });
  });
  return parseInsightFaceBin(bytes, path);
}

/**
 * Parses the content of an insightface `.bin`.
 * @param name what messages call it
 * @throws InputError if it holds anything but images and a boolean for each two of them
 */
export function parseInsightFaceBin(bytes: Uint8Array, name = "the verification set"): VerificationSet {
  const value = unpickle(bytes, name);
  const [images, same] = value instanceof PickleTuple ? value.items : Array.isArray(value) ? value : [];
  if (!Array.isArray(images) || !images.every((image) => image instanceof Uint8Array)) {
    throw new InputError(`${name} is no insightface set: it does not start with a list of image files.`);
  }
  if (!Array.isArray(same) || !same.every((flag) => typeof flag === "boolean" || flag === 0 || flag === 1)) {
    throw new InputError(`${name} is no insightface set: it has no list that tells which pairs are the same person.`);
  }
  checkCounts(images.length, same.length, name);
  return { images, same: same.map(Boolean) };
}

/**
 * Writes an insightface `.bin`: byte for byte what Python's `pickle.dump((images, same), file, protocol=3)` writes.
 * The file appears at `path` whole or not at all.
 * @throws InputError if there are not two images for each pair
 */
export async function writeInsightFaceBin(path: string, { images, same }: VerificationSet): Promise<void> {
  checkCounts(images.length, same.length, path);
  await writeFileAtomic(path, async (file) => {
    for (const part of pickleParts(images, same)) await file.writeFile(part); // each where the last one ended
  });
}

function checkCounts(images: number, pairs: number, name: string): void {
  if (images !== 2 * pairs || pairs === 0) {
    throw new InputError(
      `${name}: ${pairs} pairs need ${2 * pairs} images, and at least one pair; there are ${images}.`,
    );
  }
}

function unpickle(bytes: Uint8Array, name: string): unknown {
  const refuse = (what: string): never => {
    throw new InputError(`${name} is no insightface set of image files: it holds ${what}.`);
  };
  try {
    return readPickle(bytes, {
      resolveGlobal: (global) => (global === "_codecs.encode" ? latin1Encode : refuse(`a Python object (${global})`)),
      resolvePersistentId: () => refuse("a reference to another file"),
    });
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw new InputError(`${name} is no insightface set, or it is damaged. Copy or download it again.`, {
      cause: error,
    });
  }
}

/** Python 3 writes bytes in protocol 2 as a call of `_codecs.encode(text, "latin1")`. */
const latin1Encode = new PickleGlobal("_codecs.encode", ([text, encoding]) => {
  if (typeof text !== "string" || encoding !== "latin1") {
    throw new InputError("The verification set encodes its images in a way that Python's pickle does not.");
  }
  return new Uint8Array(Buffer.from(text, "latin1"));
});

/** Items between two APPENDS, as CPython writes them. */
const batchSize = 1000;

/** Source: CPython `Modules/_pickle.c` (save_tuple, batch_list_exact, save_bytes, memo_put), protocol 3. */
function* pickleParts(images: readonly Uint8Array[], same: readonly boolean[]): Generator<Uint8Array> {
  let stored = 0;
  /** Every object but a boolean is stored in the memo, though nothing recalls it. */
  const store = () => {
    const index = stored++;
    return index < 256 ? Buffer.of(0x71, index) : withUint32(0x72, index); // BINPUT, LONG_BINPUT
  };
  yield Buffer.of(0x80, 3); // PROTO
  yield Buffer.concat([Buffer.of(0x5d), store()]); // EMPTY_LIST
  yield* listItems(images, (image) => {
    const header = image.length < 256 ? Buffer.of(0x43, image.length) : withUint32(0x42, image.length);
    return [header, image, store()]; // SHORT_BINBYTES, BINBYTES
  });
  yield Buffer.concat([Buffer.of(0x5d), store()]);
  yield* listItems(same, (flag) => [Buffer.of(flag ? 0x88 : 0x89)]); // NEWTRUE, NEWFALSE
  yield Buffer.concat([Buffer.of(0x86), store(), Buffer.of(0x2e)]); // TUPLE2, STOP
}

function* listItems<Item>(items: readonly Item[], encode: (item: Item) => Uint8Array[]): Generator<Uint8Array> {
  if (items.length === 1) {
    yield Buffer.concat([...encode(items[0]!), Buffer.of(0x61)]); // APPEND
    return;
  }
  for (let start = 0; start < items.length; start += batchSize) {
    const batch = items.slice(start, start + batchSize).flatMap(encode);
    yield Buffer.concat([Buffer.of(0x28), ...batch, Buffer.of(0x65)]); // MARK, APPENDS
  }
}

function withUint32(opcode: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = opcode;
  bytes.writeUInt32LE(value, 1);
  return bytes;
}
