import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { bf16ToF32, cast, f16ToF32, f32ToBf16, f32ToF16 } from "../../src/tensor/convert.js";
import { TorchGenerator } from "../../src/tensor/random.js";
import { openSafetensors, readTensor } from "../../src/tensor/safetensors.js";
import { tensor } from "../../src/tensor/tensor.js";

// Made by reference/tensors.py with torch 2.15.
const folder = new URL("../fixtures/tensors/", import.meta.url).pathname;
const expected: {
  casts: Record<string, string> & Record<"integers", string[]> & Record<`i64To${string}`, number[]>;
  shapes: number[][];
  states: Record<string, string>;
} = JSON.parse(readFileSync(`${folder}expected.json`, "utf8"));

function digest(array: ArrayBufferView): string {
  return createHash("sha256")
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest("hex");
}

describe("casts equal torch's", () => {
  const allPatterns = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const withoutNaN = (numbers: Float32Array) => numbers.map((x) => (Number.isNaN(x) ? 0 : x));

  test("every f16 and bf16 to f32", () => {
    expect(digest(withoutNaN(f16ToF32(allPatterns)))).toBe(expected.casts.f16ToF32);
    expect(digest(withoutNaN(bf16ToF32(allPatterns)))).toBe(expected.casts.bf16ToF32);
  });

  test("1.4 million f32 to f16 and bf16: spread over all patterns, and around every f16 value and midpoint", () => {
    const spread = Uint32Array.from({ length: 2 ** 20 }, (_, i) => (i * 4099) % 2 ** 32);
    const halves = new Uint32Array(f16ToF32(allPatterns).buffer);
    const near = [-1, 0, 1, 0xfff, 0x1000, 0x1001].map((offset) => halves.map((bits) => bits + offset));
    const patterns = new Uint32Array(2 ** 20 + 6 * 65536);
    patterns.set(spread);
    near.forEach((block, i) => {
      patterns.set(block, 2 ** 20 + i * 65536);
    });
    const numbers = new Float32Array(patterns.buffer);
    const notNaN = (_: number, i: number) => (patterns[i]! & 0x7fffffff) <= 0x7f800000;
    expect(digest(f32ToF16(numbers).filter(notNaN))).toBe(expected.casts.f32ToF16);
    expect(digest(f32ToBf16(numbers).filter(notNaN))).toBe(expected.casts.f32ToBf16);
    expect(f16ToF32(f32ToF16(numbers)).every((x, i) => notNaN(x, i) !== Number.isNaN(x))).toBe(true);
    expect(bf16ToF32(f32ToBf16(numbers)).every((x, i) => notNaN(x, i) !== Number.isNaN(x))).toBe(true);
  });

  test.each(["f32", "f16", "i32", "u8", "i8"] as const)("i64 to %s", (dtype) => {
    const integers = expected.casts.integers.map(BigInt);
    const source = tensor("i64", [integers.length], BigInt64Array.from(integers));
    const name = `i64To${dtype[0]!.toUpperCase()}${dtype.slice(1)}` as const;
    expect(Array.from(cast(source, dtype).data as ArrayLike<number>)).toEqual(expected.casts[name]);
  });
});

describe.each([0n, 42n, 2n ** 32n + 5n, -1n, 2n ** 64n - 7n])("seed %d draws what torch draws", (seed) => {
  test("randn, rand, randint, randperm and the states between them", async () => {
    const file = await openSafetensors(`${folder}random.safetensors`);
    const reference = async (name: string) => (await readTensor(file, `${seed}/${name}`)).data;
    const generator = new TorchGenerator(seed);
    const expectState = (at: string) => {
      expect(digest(generator.getState().data)).toBe(expected.states[`${seed}/${at}`]);
    };

    expectState("start");
    for (const [i, shape] of expected.shapes.entries()) {
      const noise = generator.randn(shape);
      expect(noise.shape).toEqual(shape);
      expectClose(noise.data, await reference(`randn/${i}`));
    }
    // Draws that are equal to the bit.
    expect(generator.rand([19]).data).toEqual(await reference("rand"));
    expect(generator.randint(-5, 1000, [9]).data).toEqual(await reference("randint/small"));
    expect(generator.randint(0, 2 ** 28 - 1, [9]).data).toEqual(await reference("randint/below"));
    expect(generator.randint(0, 2 ** 28, [9]).data).toEqual(await reference("randint/wide"));
    expect(generator.randint(-(2 ** 40), 2 ** 52, [9]).data).toEqual(await reference("randint/huge"));
    expect(Array.from(generator.randperm(33).data, BigInt)).toEqual(
      Array.from((await reference("randperm")) as BigInt64Array),
    );
    expectClose(generator.randn([3]).data, await reference("randn/last"));
    expectState("end");
  });
});

test("a latent's worth of noise", async () => {
  const file = await openSafetensors(`${folder}random.safetensors`);
  expectClose(new TorchGenerator(0).randn([1, 4, 32, 32]).data, (await readTensor(file, "0/latents")).data);
  const large = new TorchGenerator(42).randn([64, 64, 4]).data;
  const ends = Float32Array.from([...large.slice(0, 64), ...large.slice(-64)]);
  expectClose(ends, (await readTensor(file, "42/large")).data);
});

test("goes on from a state that torch saved", async () => {
  const file = await openSafetensors(`${folder}random.safetensors`);
  const state = await readTensor(file, "42/state");
  const generator = TorchGenerator.fromState(tensor("u8", state.shape, state.data as Uint8Array));
  expect(generator.randn([64, 64, 4]).data).toEqual(new TorchGenerator(42).randn([64, 64, 4]).data);
});

/** 1e-6: torch's AVX2 logarithm, sine and cosine err by some 1e-7 of a value up to 6; the scalar path's last bit is 2.4e-7. */
function expectClose(actual: ArrayLike<number>, reference: ArrayLike<unknown>): void {
  expect(actual.length).toBe(reference.length);
  const worst = Math.max(...Array.from(actual, (x, i) => Math.abs(x - Number(reference[i]))));
  expect(worst).toBeLessThan(1e-6);
}
