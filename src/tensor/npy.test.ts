import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { InputError } from "../errors.js";
import { cast } from "./convert.js";
import { decodeNpy, encodeNpy, readNpy, writeNpy } from "./npy.js";
import { f32, tensor } from "./tensor.js";

// Made by reference/tensors.py with NumPy 2.4.
const fixtures = new URL("../../test/fixtures/tensors/", import.meta.url).pathname;
const matrix = f32([2, 3], [0, 0.25, 0.5, 0.75, 1, 1.25]);
const halves = cast(f32([2], [1.5, -2]), "f16");
const scalar = tensor("i64", [], BigInt64Array.of(-7n));

test.each([
  ["f32.npy", matrix],
  ["f16.npy", halves],
  ["i64-scalar.npy", scalar],
])("%s: reads and writes what NumPy does, to the byte", async (name, expected) => {
  expect(await readNpy(fixtures + name)).toEqual(expected);
  expect(Buffer.from(encodeNpy(expected))).toEqual(await readFile(fixtures + name));
});

test("writes a file", async () => {
  const folder = await mkdtemp(join(tmpdir(), "npy-"));
  await writeNpy(join(folder, "x.npy"), matrix);
  expect(await readNpy(join(folder, "x.npy"))).toEqual(matrix);
  await rm(folder, { recursive: true });
});

/** A file of format `version` with this header. */
function file(header: string, data = new Uint8Array(0), version = 1): Uint8Array {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(header.length, 0, length.length);
  return Buffer.concat([
    Buffer.from("\x93NUMPY", "latin1"),
    Uint8Array.of(version, 0),
    length,
    Buffer.from(header),
    data,
  ]);
}
const header = (shape: string, descr = "<f4", fortran = "False") =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape}), }\n`;

test("formats 2 and 3, data at any offset, and Fortran order where it makes no difference", () => {
  const four = new Uint8Array(Float32Array.of(5).buffer);
  for (const version of [1, 2, 3]) expect(decodeNpy(file(header("1,"), four, version))).toEqual(f32([1], [5]));
  expect(decodeNpy(file(header("1,", "<f4", "True"), four))).toEqual(f32([1], [5]));
  expect(decodeNpy(file(header("0, 7")))).toEqual(f32([0, 7], []));
});

test.each([
  ["Fortran order", file(header("1, 1", "<f4", "True"), new Uint8Array(4)), /ascontiguousarray/],
  ["big-endian", file(header("1,", ">f4"), new Uint8Array(4)), /">f4" is not supported/],
  ["complex", file(header("1,", "<c8"), new Uint8Array(8)), /"<c8" is not supported/],
  ["pickled objects", file(header("1,", "|O"), new Uint8Array(8)), /"\|O" is not supported/],
  ["records", file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n"), /plain array/],
  ["too few bytes", file(header("2,"), new Uint8Array(7)), /takes 8 bytes but the file holds 7/],
  ["too many bytes", file(header("2,"), new Uint8Array(9)), /holds 9/],
  ["an overflowing shape", file(header("999999999999999, 999999999999999")), /holds 0/],
  ["a negative size", file(header("-1,")), /plain array/],
  ["a bool that is none", file(header("1,", "|b1"), Uint8Array.of(2)), /bytes other than/],
  ["a header longer than the file", file(header("1,")).subarray(0, 40), /cut short/],
  ["another format version", file(header("1,"), new Uint8Array(4), 4), /not a .npy file/],
  ["another file", Buffer.from("PK\x03\x04 is what an .npz starts with"), /not a .npy file/],
  ["an empty file", new Uint8Array(0), /not a .npy file/],
])("refuses %s", (_, bytes, message) => {
  expect(() => decodeNpy(bytes)).toThrow(InputError);
  expect(() => decodeNpy(bytes)).toThrow(message);
});

test("refuses to write bf16, and to read what is not there", async () => {
  expect(() => encodeNpy(cast(matrix, "bf16"))).toThrow(/cast the tensor to f32/);
  await expect(readNpy("/nowhere.npy")).rejects.toThrow(InputError);
});
