import { InputError } from "../errors.js";
import { allocate } from "./dtype.js";
import { MersenneTwister } from "./mersenne-twister.js";
import { elementCount, type Shape, type Tensor, tensor } from "./tensor.js";

/** `torch.Generator.get_state()` of a CPU generator is this many bytes (layout: {@link TorchGenerator.getState}). */
const stateBytes = 5056;
const wordCount = 624;
const wordsAt = 24;
const cachedNormalAt = 5024;
const hasCachedNormalAt = 5040;

/** Below this many elements torch draws normal numbers one by one; from it on, in blocks of 16. */
const blockLength = 16;
const halfBlock = blockLength / 2;
const permutationLimit = 200_000_000;
const twoPi = Math.fround(2 * Math.PI);

/**
 * Random numbers equal to those of `torch.Generator("cpu").manual_seed(seed)`, so that a seed gives
 * the same noise here as in Python tools.
 *
 * Integers and `rand` are equal to the bit. `randn` differs by less than 1e-6 (5e-7 in a million draws), because torch's vectorised
 * logarithm and cosine are themselves approximations that differ between processors.
 * Source: ATen `CPUGeneratorImpl.cpp`, `native/cpu/DistributionTemplates.h`, `core/TransformationHelper.h`.
 */
export class TorchGenerator {
  /** The seed as torch reports it: unsigned 64 bits, a negative seed counted from 2^64. */
  readonly initialSeed: bigint;
  private readonly twister: MersenneTwister;
  /** Box–Muller makes two normal numbers at a time; the one-by-one path keeps the second. */
  private cachedNormal: number | undefined;

  /**
   * @param seed integer from -2^63 to 2^64 - 1. As in torch, seeds with the same low 32 bits give the same numbers.
   * @throws InputError if the seed is not such an integer
   */
  constructor(seed: number | bigint) {
    if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
      throw new InputError(`Seed ${seed} is not a whole number that JavaScript holds exactly; give a bigint.`);
    }
    const value = BigInt(seed);
    if (value < -(2n ** 63n) || value >= 2n ** 64n) {
      throw new InputError(`Seed ${value} does not fit in 64 bits; use one from -2^63 to 2^64 - 1.`);
    }
    this.initialSeed = BigInt.asUintN(64, value);
    this.twister = new MersenneTwister(Number(BigInt.asUintN(32, value)));
  }

  /** Uniform numbers, float32 of the given shape, in [0, 1) on a grid of 2^-24. */
  rand(shape: Shape): Tensor<"f32"> {
    const data = new Float32Array(countOf(shape));
    this.fillUniform(data);
    return tensor("f32", shape, data);
  }

  /**
   * Standard normal numbers, float32 of the given shape.
   * As in torch, the numbers depend on the element count: fewer than 16 are drawn one by one in double precision.
   */
  randn(shape: Shape): Tensor<"f32"> {
    const data = new Float32Array(countOf(shape));
    if (data.length < blockLength) {
      for (let i = 0; i < data.length; i++) data[i] = this.nextNormal();
      return tensor("f32", shape, data);
    }
    this.fillUniform(data);
    for (let start = 0; start + blockLength <= data.length; start += blockLength) {
      boxMuller(data.subarray(start, start + blockLength));
    }
    if (data.length % blockLength !== 0) {
      // torch does not shorten the last block: it draws the last 16 elements again, over some that were done.
      const tail = data.subarray(data.length - blockLength);
      this.fillUniform(tail);
      boxMuller(tail);
    }
    return tensor("f32", shape, data);
  }

  /**
   * Whole numbers, int64 of the given shape, in [low, high).
   * @throws InputError if the range is empty or not made of safe integers
   */
  randint(low: number, high: number, shape: Shape): Tensor<"i64"> {
    const range = high - low;
    if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || !Number.isSafeInteger(range) || range <= 0) {
      throw new InputError(`randint: [${low}, ${high}) is not a range of whole numbers; low must be below high.`);
    }
    const data = allocate("i64", countOf(shape));
    const base = BigInt(low);
    for (let i = 0; i < data.length; i++) data[i] = base + this.nextBelow(range);
    return tensor("i64", shape, data);
  }

  /**
   * The numbers 0 to `length` - 1 in random order, int32 [length] (torch gives the same values as int64).
   * @throws InputError for more than 200 million, where torch shuffles in another way
   */
  randperm(length: number): Tensor<"i32"> {
    if (length > permutationLimit)
      throw new InputError(`randperm(${length}): at most ${permutationLimit} can be shuffled.`);
    const data = Int32Array.from({ length: countOf([length]) }, (_, i) => i);
    for (let i = 0; i < length - 1; i++) {
      const j = i + (this.twister.next() % (length - i));
      [data[i], data[j]] = [data[j]!, data[i]!];
    }
    return tensor("i32", [length], data);
  }

  /**
   * Everything that decides the numbers to come, uint8 [5056], byte for byte what `torch.Generator.get_state()` gives:
   * seed u64; `left` i32, `seeded` i32 and `next` u64 (both count positions in the block); 624 words, u64 each;
   * then, at 5024, the cached normal number f64 and, at 5040, whether there is one.
   */
  getState(): Tensor<"u8"> {
    const data = new Uint8Array(stateBytes);
    const view = new DataView(data.buffer);
    const { words, left, next } = this.twister.getState();
    view.setBigUint64(0, this.initialSeed, true);
    view.setInt32(8, left, true);
    view.setInt32(12, 1, true);
    view.setBigUint64(16, BigInt(next), true);
    words.forEach((word, i) => {
      view.setUint32(wordsAt + 8 * i, word, true);
    });
    if (this.cachedNormal !== undefined) {
      view.setFloat64(cachedNormalAt, this.cachedNormal, true);
      view.setInt32(hasCachedNormalAt, 1, true);
    }
    return tensor("u8", [stateBytes], data);
  }

  /**
   * A generator that goes on where {@link getState}, or torch's `get_state`, was taken.
   * @param state uint8 [5056]
   * @throws InputError if the bytes are not such a state
   */
  static fromState(state: Tensor<"u8">): TorchGenerator {
    const { data } = state;
    if (data.length !== stateBytes) {
      throw new InputError(`A torch CPU generator state has ${stateBytes} bytes, not ${data.length}.`);
    }
    const view = new DataView(data.buffer, data.byteOffset, stateBytes);
    const left = view.getInt32(8, true);
    const next = Number(view.getBigUint64(16, true));
    const unused = left === 1 && next === 0;
    const inBlock = left >= 1 && next >= 1 && left + next === wordCount + 1;
    if (view.getInt32(12, true) !== 1 || !(unused || inBlock)) {
      throw new InputError(
        "These bytes are not a state of torch's CPU generator; was another generator's state saved?",
      );
    }
    const generator = new TorchGenerator(view.getBigUint64(0, true));
    const words = Uint32Array.from({ length: wordCount }, (_, i) => view.getUint32(wordsAt + 8 * i, true));
    generator.twister.setState({ words, left, next });
    if (view.getInt32(hasCachedNormalAt, true) !== 0) generator.cachedNormal = view.getFloat64(cachedNormalAt, true);
    return generator;
  }

  private fillUniform(data: Float32Array): void {
    for (let i = 0; i < data.length; i++) data[i] = (this.twister.next() & 0xffffff) * 2 ** -24;
  }

  /** Uniform in [0, 1) on a grid of 2^-53: the low 53 bits of two draws, the first being the high word. */
  private nextDouble(): number {
    const high = this.twister.next() & 0x1fffff;
    return (high * 2 ** 32 + this.twister.next()) * 2 ** -53;
  }

  private nextNormal(): number {
    if (this.cachedNormal !== undefined) {
      const normal = this.cachedNormal;
      this.cachedNormal = undefined;
      return normal;
    }
    const angle = 2 * Math.PI * this.nextDouble();
    const radius = Math.sqrt(-2 * Math.log1p(-this.nextDouble()));
    this.cachedNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Like torch, takes the remainder of 32 bits for small ranges and of 64 bits from 2^28 on. */
  private nextBelow(range: number): bigint {
    if (range < 2 ** 28) return BigInt(this.twister.next() % range);
    const high = BigInt(this.twister.next());
    return ((high << 32n) | BigInt(this.twister.next())) % BigInt(range);
  }
}

/**
 * Turns 16 uniform numbers into 16 normal ones in place: number i and number i + 8 make one pair.
 * The intermediate values are rounded to float32 where torch's are. That matters most for the angle: its rounding
 * (up to 2.4e-7) times the largest radius (5.8) would alone exceed the tolerance that {@link TorchGenerator} promises.
 */
function boxMuller(block: Float32Array): void {
  for (let i = 0; i < halfBlock; i++) {
    const logarithm = Math.fround(Math.log(1 - block[i]!));
    const radius = Math.fround(Math.sqrt(-2 * logarithm));
    const angle = Math.fround(twoPi * block[i + halfBlock]!);
    block[i] = radius * Math.fround(Math.cos(angle));
    block[i + halfBlock] = radius * Math.fround(Math.sin(angle));
  }
}

/** Element count of a shape that came from a caller. */
function countOf(shape: Shape): number {
  const count = elementCount(shape);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0) || count > 2 ** 32 - 1) {
    throw new InputError(
      `Random numbers of shape [${shape.join(", ")}] cannot be made; sizes are whole and not negative.`,
    );
  }
  return count;
}
