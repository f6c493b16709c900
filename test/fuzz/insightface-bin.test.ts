import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parseInsightFaceBin } from "../../src/data/insightface-bin.js";
import { InputError } from "../../src/errors.js";

/** Minimal standard generator of Park & Miller: the same mutations on every run. */
function randomBelow(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  };
}

test.each(["python2", "protocol2", "protocol4"])(
  "a mutated %s set is read or refused, never anything else",
  async (kind) => {
    const whole = await readFile(new URL(`../fixtures/data/verification-${kind}.bin`, import.meta.url));
    const below = randomBelow(17);
    const outcomes = { read: 0, refused: 0 };
    for (let round = 0; round < 3000; round++) {
      let bytes = Uint8Array.from(whole);
      // Half of the changes hit the instructions at either end; most of the file is image data.
      for (let change = below(3); change >= 0; change--) {
        const at = [below(40), bytes.length - 1 - below(40), below(bytes.length), below(bytes.length)][below(4)]!;
        bytes[at] = below(256);
      }
      if (below(5) === 0) bytes = bytes.subarray(0, below(bytes.length));
      try {
        const { images, same } = parseInsightFaceBin(bytes);
        expect(images.length).toBe(2 * same.length);
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        outcomes.refused++;
      }
    }
    expect(outcomes.read).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(100);
  },
);
