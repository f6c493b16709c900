import { InputError } from "../errors.js";
import { allocate, type DType, type TypedArrays } from "./dtype.js";
import { type Tensor, tensor } from "./tensor.js";

/** Typed arrays that hold numbers as they are; f16 and bf16 become Float32Array on the way. */
type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array | Int8Array | BigInt64Array;

const integerLimits = { u8: [0, 255], i8: [-128, 127], i32: [-(2 ** 31), 2 ** 31 - 1] } as const;

/**
 * The same values in another dtype; the tensor itself if it has that dtype already.
 *
 * As torch does it: to a float type, round to the nearest, ties to even, beyond the largest to infinity, NaN stays
 * NaN (f64 and i64 reach f16 and bf16 by way of f32); between integers, keep the low bits; from float to integer,
 * cut the fraction off; to bool, everything but zero is true, NaN too.
 * @throws InputError for a float that does not fit the integer type, NaN included, which torch leaves undefined
 */
export function cast<D extends DType>(source: Tensor, dtype: D): Tensor<D> {
  if (source.dtype === dtype) return source as Tensor as Tensor<D>;
  return tensor(dtype, source.shape, store(load(source), dtype) as TypedArrays[D]);
}

function load({ dtype, data }: Tensor): Numbers {
  if (dtype === "f16") return f16ToF32(data as Uint16Array);
  if (dtype === "bf16") return bf16ToF32(data as Uint16Array);
  return data as Numbers;
}

function store(numbers: Numbers, dtype: DType): TypedArrays[DType] {
  switch (dtype) {
    case "f32":
      return toF32(numbers);
    case "f16":
      return f32ToF16(toF32(numbers));
    case "bf16":
      return f32ToBf16(toF32(numbers));
    case "f64":
      return Float64Array.from(numbers as ArrayLike<number | bigint>, Number);
    case "bool":
      return toBool(numbers);
    case "i64":
      return toI64(numbers);
    default:
      return toSmallInteger(numbers, dtype);
  }
}

function toF32(numbers: Numbers): Float32Array {
  if (numbers instanceof Float32Array) return numbers;
  return numbers instanceof BigInt64Array
    ? Float32Array.from(numbers as ArrayLike<bigint>, bigintToF32)
    : new Float32Array(numbers);
}

/** Rounds once. `Number(value)` would round to 53 bits first, and the second rounding could then go the wrong way. */
function bigintToF32(value: bigint): number {
  if (BigInt.asIntN(53, value) === value) return Number(value);
  // What the low bits decide is only whether they are all zero: keep that as one sticky bit.
  const sticky = (value & 0x7ffn) === 0n ? 0n : 1n;
  return Math.fround(Number((value >> 11n) | sticky)) * 2 ** 11;
}

function toBool(numbers: Numbers): Uint8Array {
  const out = allocate("bool", numbers.length);
  const zero = numbers instanceof BigInt64Array ? 0n : 0;
  for (let i = 0; i < out.length; i++) out[i] = numbers[i] === zero ? 0 : 1;
  return out;
}

function toI64(numbers: Numbers): BigInt64Array {
  if (numbers instanceof BigInt64Array) return numbers;
  const out = allocate("i64", numbers.length);
  for (let i = 0; i < out.length; i++) {
    const value = Math.trunc(numbers[i]!);
    if (!(value >= -(2 ** 63) && value < 2 ** 63)) refuse(numbers[i]!, "i64");
    out[i] = BigInt(value);
  }
  return out;
}

function toSmallInteger(numbers: Numbers, dtype: "u8" | "i8" | "i32"): TypedArrays["u8" | "i8" | "i32"] {
  const out = allocate(dtype, numbers.length);
  if (numbers instanceof BigInt64Array) {
    for (let i = 0; i < out.length; i++) out[i] = Number(BigInt.asIntN(32, numbers[i]!));
    return out;
  }
  const [low, high] = integerLimits[dtype];
  const isFloat = numbers instanceof Float32Array || numbers instanceof Float64Array;
  for (let i = 0; i < out.length; i++) {
    const value = Math.trunc(numbers[i]!);
    if (isFloat && !(value >= low && value <= high)) refuse(numbers[i]!, dtype);
    out[i] = value;
  }
  return out;
}

function refuse(value: number, dtype: DType): never {
  throw new InputError(`The value ${value} does not fit in ${dtype}; clamp the numbers before casting them.`);
}

/** Widens IEEE half floats, given as bit patterns; exact. */
export function f16ToF32(halves: Uint16Array): Float32Array {
  halfTable ??= makeHalfTable();
  const out = new Float32Array(halves.length);
  // Copying bits rather than numbers, because a NaN may lose its payload when it passes through a number.
  const outBits = new Uint32Array(out.buffer);
  for (let i = 0; i < halves.length; i++) outBits[i] = halfTable[halves[i]!]!;
  return out;
}

/** The float32 bits of each of the 65,536 half floats; made on first use. */
let halfTable: Uint32Array | undefined;

function makeHalfTable(): Uint32Array {
  const table = new Uint32Array(65536);
  const number = new Float32Array(1);
  const bits = new Uint32Array(number.buffer);
  for (let half = 0; half < 65536; half++) {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) {
      number[0] = fraction * 2 ** -24;
      table[half] = sign | bits[0]!;
    } else {
      const wideExponent = exponent === 31 ? 255 : exponent + (127 - 15);
      table[half] = sign | (wideExponent << 23) | (fraction << 13);
    }
  }
  return table;
}

/** Narrows to IEEE half floats as bit patterns; nearest, ties to even. NaN keeps its sign and high payload bits. */
export function f32ToF16(numbers: Float32Array): Uint16Array {
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  const out = new Uint16Array(numbers.length);
  for (let i = 0; i < bits.length; i++) {
    const sign = (bits[i]! >>> 16) & 0x8000;
    const magnitude = bits[i]! & 0x7fffffff;
    out[i] = sign | halfMagnitude(magnitude);
  }
  return out;
}

function halfMagnitude(bits: number): number {
  if (bits > 0x7f800000) return 0x7e00 | ((bits >>> 13) & 0x1ff); // NaN, made quiet
  if (bits >= 0x47800000) return 0x7c00; // 65536 and more; 65520 to 65536 carry over to it below
  if (bits >= 0x38800000) {
    // A normal half. Half of the last kept place, less one if that place is even, rounds ties to even.
    const rounding = 0xfff + ((bits >>> 13) & 1);
    return (bits - ((127 - 15) << 23) + rounding) >>> 13;
  }
  if (bits < 0x33000000) return 0; // below 2^-25
  // A subnormal half counts units of 2^-24; the implicit bit becomes explicit.
  const shift = 126 - (bits >>> 23);
  const fraction = (bits & 0x7fffff) | 0x800000;
  const kept = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}

/** Widens bfloat16, given as bit patterns; exact. */
export function bf16ToF32(brains: Uint16Array): Float32Array {
  const out = new Float32Array(brains.length);
  const outBits = new Uint32Array(out.buffer);
  for (let i = 0; i < brains.length; i++) outBits[i] = brains[i]! << 16;
  return out;
}

/** Narrows to bfloat16 as bit patterns; nearest, ties to even. NaN keeps its sign and high payload bits. */
export function f32ToBf16(numbers: Float32Array): Uint16Array {
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  const out = new Uint16Array(numbers.length);
  for (let i = 0; i < bits.length; i++) {
    const pattern = bits[i]!;
    const notNumber = (pattern & 0x7fffffff) > 0x7f800000;
    out[i] = notNumber ? (pattern >>> 16) | 0x40 : (pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16;
  }
  return out;
}
