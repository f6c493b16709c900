import { expect, test } from "vitest";
import { ShapeError } from "../errors.js";
import { allocate, bytesPerElement, dtypes, viewBytes } from "./dtype.js";
import { byteLengthOf, elementCount, f32, tensor, zeros } from "./tensor.js";

test("an array must fill its shape", () => {
  expect(() => f32([2, 3], [1, 2, 3, 4, 5])).toThrow(ShapeError);
  expect(tensor("i64", [], BigInt64Array.of(3n)).shape).toEqual([]);
  expect(zeros("bf16", [2, 3]).data).toEqual(new Uint16Array(6));
});

test("element and byte counts", () => {
  expect(elementCount([2, 3, 5])).toBe(30);
  expect(elementCount([])).toBe(1);
  expect(byteLengthOf("f16", [2, 3, 5])).toBe(60);
  expect(byteLengthOf("f64", [])).toBe(8);
  expect(byteLengthOf("u8", [0, 7])).toBe(0);
  expect(byteLengthOf("f32", [2 ** 27, 2 ** 27])).toBeUndefined(); // 2^56
});

test("every dtype views bytes at any offset of an array or a Buffer", () => {
  for (const dtype of dtypes) {
    const one = allocate(dtype, 1);
    one[0] = dtype === "i64" ? 1n : 1;
    const bytes = new Uint8Array(one.buffer);
    expect(bytes.length).toBe(bytesPerElement(dtype));
    for (const make of [(size: number) => new Uint8Array(size), (size: number) => Buffer.alloc(size)]) {
      const shifted = make(bytes.length + 3).subarray(3);
      shifted.set(bytes);
      expect([dtype, viewBytes(dtype, shifted)]).toEqual([dtype, one]);
    }
  }
});

test("aligned bytes are not copied", () => {
  const bytes = new Uint8Array(8);
  expect(viewBytes("f32", bytes).buffer).toBe(bytes.buffer);
});
