import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bf16ToF32, cast, f16ToF32, f32ToBf16, f32ToF16 } from "../../src/tensor/convert.js";
import { bytesPerElement, type DType, dtypes, viewBytes } from "../../src/tensor/dtype.js";
import { decodeNpy, encodeNpy } from "../../src/tensor/npy.js";
import { TorchGenerator } from "../../src/tensor/random.js";
import { openSafetensors, readTensor, writeSafetensors } from "../../src/tensor/safetensors.js";
import { elementCount, type Tensor, tensor } from "../../src/tensor/tensor.js";

const seeds = Array.from({ length: 40 }, (_, seed) => seed);

/** A tensor of any dtype, of 0 to 4 axes of 0 to 5, with any bytes that the dtype allows. */
function randomTensor(generator: TorchGenerator, dtype: DType): Tensor {
  const integers = (count: number, limit: number) => Array.from(generator.randint(0, limit, [count]).data, Number);
  const shape = integers(integers(1, 5)[0]!, 6);
  const bytes = integers(elementCount(shape) * bytesPerElement(dtype), dtype === "bool" ? 2 : 256);
  return tensor(dtype, shape, viewBytes(dtype, Uint8Array.from(bytes)));
}
const bytesOf = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

describe("safetensors", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "properties-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each(seeds)(
    "what is written is read, to the bit, and in any order gives the same file (seed %d)",
    async (seed) => {
      const generator = new TorchGenerator(seed);
      const codePoints = () => Array.from(generator.randint(1, 0xd800, [5]).data, Number);
      const tensors = dtypes.map((dtype) => {
        return [String.fromCodePoint(...codePoints()), randomTensor(generator, dtype)] as const;
      });
      const metadata = { [String.fromCodePoint(...codePoints())]: String.fromCodePoint(...codePoints()), format: "pt" };
      const path = join(folder, "a");
      const other = join(folder, "b");
      await writeSafetensors(path, tensors, { metadata });
      const shuffled = Array.from(generator.randperm(tensors.length).data, (i) => tensors[i]!);
      await writeSafetensors(other, shuffled, { metadata });
      expect(await readFile(other)).toEqual(await readFile(path));

      const file = await openSafetensors(path);
      expect(file.metadata).toEqual(metadata);
      expect(file.entries.size).toBe(tensors.length);
      for (const [name, expected] of tensors) {
        const actual = await readTensor(file, name);
        expect([actual.dtype, actual.shape]).toEqual([expected.dtype, expected.shape]);
        expect(bytesOf(actual)).toEqual(bytesOf(expected));
        expect(file.entries.get(name)!.offset % bytesPerElement(actual.dtype)).toBe(0);
      }
    },
  );
});

test.each(seeds)("npy: what is encoded is decoded, to the bit (seed %d)", (seed) => {
  const generator = new TorchGenerator(seed);
  for (const dtype of dtypes.filter((dtype) => dtype !== "bf16")) {
    const expected = randomTensor(generator, dtype);
    const actual = decodeNpy(encodeNpy(expected));
    expect([actual.dtype, actual.shape]).toEqual([expected.dtype, expected.shape]);
    expect(bytesOf(actual)).toEqual(bytesOf(expected));
  }
});

describe("casts", () => {
  const isNumber = (bits: number, exponentMask: number, infinity: number) => (bits & exponentMask) <= infinity;

  test("every half and every bfloat16 survives the way through f32; a NaN stays one", () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const halves = f32ToF16(f16ToF32(all));
    const brains = f32ToBf16(bf16ToF32(all));
    const changedHalves = all.filter((bits, i) => isNumber(bits, 0x7fff, 0x7c00) && halves[i] !== bits);
    const changedBrains = all.filter((bits, i) => isNumber(bits, 0x7fff, 0x7f80) && brains[i] !== bits);
    expect([changedHalves.length, changedBrains.length]).toEqual([0, 0]);
  });

  test("rounding is to the nearest: within half a unit in the last place, and monotonic", () => {
    const values = new TorchGenerator(1).randn([20_000]).data.sort();
    const source = tensor("f32", [values.length], values);
    for (const [dtype, unit, smallest] of [
      ["f16", 2 ** -11, 2 ** -25],
      ["bf16", 2 ** -8, 2 ** -134],
    ] as const) {
      const rounded = cast(cast(source, dtype), "f32").data;
      expect(rounded.every((x, i) => Math.abs(x - values[i]!) <= Math.max(Math.abs(values[i]!) * unit, smallest))).toBe(
        true,
      );
      expect(rounded.every((x, i) => i === 0 || x >= rounded[i - 1]!)).toBe(true);
    }
  });
});

test.each(seeds)("a saved generator goes on as the one it was saved from (seed %d)", (seed) => {
  const generator = new TorchGenerator(seed);
  const lengths = Array.from(generator.randint(0, 40, [9]).data, Number);
  for (const length of lengths) {
    generator.randn([length]);
    const copy = TorchGenerator.fromState(generator.getState());
    expect(copy.randn([length])).toEqual(generator.randn([length]));
  }
});
