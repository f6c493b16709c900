import { describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { cast } from "./convert.js";
import { type DType, dtypes } from "./dtype.js";
import { f32, type Tensor, tensor } from "./tensor.js";

const half = (...values: number[]) => [...cast(f32([values.length], values), "f16").data];
const brain = (...values: number[]) => [...cast(f32([values.length], values), "bf16").data];

test("rounds to the nearest half, ties to even, and overflows to infinity", () => {
  expect(half(1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -20)).toEqual([0x3c00, 0x3c00, 0x3c02, 0x3c01]);
  expect(half(65504, 65519.99, 65520, -1e9, Infinity)).toEqual([0x7bff, 0x7bff, 0x7c00, 0xfc00, 0x7c00]);
});

test("rounds subnormal halves, whose unit is 2^-24", () => {
  const unit = 2 ** -24;
  expect(half(unit, 0.5 * unit, 0.51 * unit, 1.5 * unit, 2.5 * unit, -0)).toEqual([1, 0, 1, 2, 2, 0x8000]);
  expect(half(1023.5 * unit, 1024 * unit)).toEqual([0x400, 0x400]); // the largest subnormal carries into the smallest normal
});

test("rounds to the nearest bfloat16, ties to even, and overflows to infinity", () => {
  expect(brain(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -(2 ** -133))).toEqual([0x3f80, 0x3f80, 0x3f82, 0x8001]);
  expect(brain(3.4028234e38)).toEqual([0x7f80]);
});

test("a NaN whose payload lies in the lost bits stays a NaN with its sign", () => {
  const nan = new Float32Array(new Uint32Array([0x7f800001, 0xff800001]).buffer);
  const source = tensor("f32", [2], nan);
  expect([...cast(source, "f16").data]).toEqual([0x7e00, 0xfe00]);
  expect([...cast(source, "bf16").data]).toEqual([0x7fc0, 0xffc0]);
});

describe("integers", () => {
  test("cut the fraction off", () => {
    const source = f32([4], [2.9, -2.9, -0.5, 127.9]);
    expect([...cast(source, "i8").data]).toEqual([2, -2, 0, 127]);
    expect([...cast(source, "i64").data]).toEqual([2n, -2n, 0n, 127n]);
    expect([...cast(f32([2], [255.9, -0.9]), "u8").data]).toEqual([255, 0]);
  });

  test.each([
    ["u8", 256],
    ["u8", -1],
    ["i8", 128],
    ["i32", 2 ** 31],
    ["i64", 2 ** 63],
    ["i32", Number.NaN],
    ["i64", Number.NaN],
    ["i64", -Infinity],
  ] as const)("%s refuses %d", (dtype, value) => {
    expect(() => cast(f32([1], [value]), dtype)).toThrow(InputError);
  });

  test("keep the low bits when they narrow", () => {
    expect([...cast(tensor("i32", [2], Int32Array.of(300, -129)), "i8").data]).toEqual([44, 127]);
    expect([...cast(tensor("i8", [1], Int8Array.of(-1)), "u8").data]).toEqual([255]);
  });
});

test("bool: everything but zero is true", () => {
  expect([...cast(f32([4], [0, -0, 0.1, Number.NaN]), "bool").data]).toEqual([0, 0, 1, 1]);
  expect([...cast(tensor("i64", [2], BigInt64Array.of(0n, 1n << 40n)), "bool").data]).toEqual([0, 1]);
});

test("f64 keeps 53 bits of an i64", () => {
  expect([...cast(tensor("i64", [1], BigInt64Array.of(2n ** 53n + 1n)), "f64").data]).toEqual([2 ** 53]);
});

test("every dtype to every other keeps 0, 1 and the shape", () => {
  const base = f32([2, 1], [0, 1]);
  for (const from of dtypes) {
    for (const to of dtypes) {
      const back = cast(cast(cast(base, from), to), "f32");
      expect([from, to, back.shape, [...back.data]]).toEqual([from, to, [2, 1], [0, 1]]);
    }
  }
});

test("reads a view that starts inside its buffer", () => {
  const view = Float32Array.of(9, 1, 2).subarray(1);
  expect([...cast(cast(f32([2], view), "bf16"), "f32").data]).toEqual([1, 2]);
});

test("the same dtype is the same tensor", () => {
  const source: Tensor<DType> = f32([1], [1]);
  expect(cast(source, "f32")).toBe(source);
});
