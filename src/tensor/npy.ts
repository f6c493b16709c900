import { readFile } from "node:fs/promises";
import { InputError } from "../errors.js";
import { writeFileAtomic } from "./atomic-file.js";
import { type DType, viewBytes } from "./dtype.js";
import { quote } from "./quote.js";
import { byteLengthOf, type Tensor, tensor } from "./tensor.js";

const magic = Buffer.from("\x93NUMPY", "latin1");
/** NumPy writes the shape of at most 64 axes; that takes less than 2 kB. */
const headerLimitBytes = 10_000;
const rankLimit = 64;
/** The data start at a multiple of this, so that they can be mapped into memory. */
const alignment = 64;

/** NumPy's type codes; `|` where there is no byte order. */
const codes: ReadonlyMap<string, DType> = new Map([
  ["<f4", "f32"],
  ["<f2", "f16"],
  ["<f8", "f64"],
  ["<i8", "i64"],
  ["<i4", "i32"],
  ["|u1", "u8"],
  ["|i1", "i8"],
  ["|b1", "bool"],
]);

/** The header is a Python literal; NumPy writes it in just this way. */
const headerPattern =
  /^\{'descr': '([^'\\]{1,40})', 'fortran_order': (True|False), 'shape': \((|\d{1,15},|\d{1,15}(?:, \d{1,15})+),?\), *\} *\n$/;

/**
 * Reads an array that `numpy.save` wrote.
 * @throws InputError if the file cannot be read, or as {@link decodeNpy}
 */
export async function readNpy(path: string): Promise<Tensor> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new InputError(`${path} cannot be read (${cause.message}).`, { cause });
  });
  try {
    return decodeNpy(bytes);
  } catch (cause) {
    if (cause instanceof InputError) throw new InputError(`${path}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** Writes an array that `numpy.load` reads, whole or not at all. */
export function writeNpy(path: string, value: Tensor): Promise<void> {
  return writeFileAtomic(path, encodeNpy(value));
}

/**
 * The array in a `.npy` file, format 1 to 3, little-endian, in C order.
 * Source: NumPy, `numpy.lib.format`. Pickled objects are refused: reading them could run code.
 * @throws InputError if the file is damaged, of another layout, or of a dtype that is not supported
 */
export function decodeNpy(bytes: Uint8Array): Tensor {
  const { text, dataStart } = splitHeader(bytes);
  const [, code, order, sizes] = headerPattern.exec(text) ?? [];
  if (code === undefined || sizes === undefined) {
    throw new InputError(`The .npy header ${quote(text)} is not one of a plain array; save it again with numpy.save.`);
  }
  const dtype = codes.get(code);
  if (dtype === undefined) {
    throw new InputError(
      `Dtype ${quote(code)} is not supported; save the array as one of ${[...codes.keys()].join(", ")}.`,
    );
  }
  const shape = sizes.match(/\d+/g)?.map(Number) ?? [];
  // With one axis or none, the two orders are the same.
  if (order === "True" && shape.length > 1) {
    throw new InputError("The array is in Fortran order; save numpy.ascontiguousarray of it.");
  }
  const data = bytes.subarray(dataStart);
  const expected = byteLengthOf(dtype, shape);
  if (shape.length > rankLimit || expected !== data.length) {
    throw new InputError(
      `Shape [${shape.join(", ")}] takes ${expected} bytes but the file holds ${data.length}; save it again.`,
    );
  }
  if (dtype === "bool" && data.some((byte) => byte > 1)) {
    throw new InputError("The array is bool but holds bytes other than 0 and 1; save it again.");
  }
  return tensor(dtype, shape, viewBytes(dtype, data));
}

/**
 * The bytes of a `.npy` file, format 1, as `numpy.save` writes them.
 * @throws InputError for bf16, which NumPy does not have
 */
export function encodeNpy({ dtype, shape, data }: Tensor): Uint8Array {
  const [code] = [...codes].find(([, known]) => known === dtype) ?? [];
  if (code === undefined) throw new InputError(`NumPy has no ${dtype}; cast the tensor to f32 first.`);
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${code}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const prefixBytes = magic.length + 4;
  const dataStart = Math.ceil((prefixBytes + text.length + 1) / alignment) * alignment;
  const out = Buffer.alloc(dataStart + data.byteLength);
  out.set(magic);
  out.writeUInt8(1, magic.length);
  out.writeUInt16LE(dataStart - prefixBytes, magic.length + 2);
  out.write(`${text.padEnd(dataStart - prefixBytes - 1)}\n`, prefixBytes, "latin1");
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), dataStart);
  return out;
}

function splitHeader(bytes: Uint8Array): { text: string; dataStart: number } {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view[magic.length] ?? 0;
  const lengthBytes = version === 1 ? 2 : 4;
  const textStart = magic.length + 2 + lengthBytes;
  if (!view.subarray(0, magic.length).equals(magic) || version < 1 || version > 3 || view.length < textStart) {
    throw new InputError("This is not a .npy file of format 1 to 3; save the array with numpy.save.");
  }
  const length = view.readUIntLE(magic.length + 2, lengthBytes);
  if (length > headerLimitBytes || textStart + length > view.length) {
    throw new InputError(`A header of ${length} bytes does not fit in a .npy file of ${view.length}; it is cut short.`);
  }
  return { text: view.toString("latin1", textStart, textStart + length), dataStart: textStart + length };
}
