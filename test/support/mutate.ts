import { MersenneTwister } from "../../src/tensor/mersenne-twister.js";

/** A source of damaged copies of `bytes`; the same seed gives the same ones. */
export function* mutations(bytes: Uint8Array, seed: number, count: number): Generator<Uint8Array> {
  const twister = new MersenneTwister(seed);
  const below = (limit: number) => twister.next() % Math.max(1, limit);
  for (let i = 0; i < count; i++) {
    let mutated = bytes;
    for (let edits = 1 + below(4); edits > 0; edits--) mutated = mutateOnce(mutated, below);
    yield mutated;
  }
}

/** Bytes that mean something in the formats: numbers at the limits, JSON's signs, pickle's instructions. */
const telling = [0, 1, 0x7f, 0x80, 0xff, ...Buffer.from('"{}[]:,\\-9.e(cRbQtsuq0')];

function mutateOnce(bytes: Uint8Array, below: (limit: number) => number): Uint8Array {
  const at = below(bytes.length);
  const length = 1 + below(below(4) === 0 ? 64 : 4);
  const edited = new Uint8Array(bytes);
  switch (below(6)) {
    case 0: // one bit
      edited[at]! ^= 1 << below(8);
      return edited;
    case 1: // any byte
      edited[at] = below(256);
      return edited;
    case 2: // a byte that means something
      edited[at] = telling[below(telling.length)]!;
      return edited;
    case 3: // a piece taken out
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 4: {
      // a piece of it put elsewhere
      const from = below(bytes.length);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, from + length), bytes.subarray(at)]);
    }
    default: // the end cut off
      return edited.subarray(0, at);
  }
}
