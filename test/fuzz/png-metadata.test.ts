import { deflateSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { InputError } from "../../src/errors.js";
import { encodePng, readGeneration } from "../../src/image/encode.js";
import { solidImage } from "../../src/image/image.js";
import { readPngText } from "../../src/image/png-text.js";
import { insertChunk, pngChunk } from "../support/png.js";

let whole: Uint8Array;
beforeAll(async () => {
  whole = await encodePng(solidImage(9, 8, [10, 90, 200]), {
    generation: { seed: 7, sampler: "dpmpp-2m", note: "Zoë" },
    texts: { Software: "arc2face" },
  });
});

/** mulberry32: the same mutations on every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Either a value or an `InputError`; anything else that is thrown is a bug. */
function survives(png: Uint8Array): "read" | "refused" {
  try {
    readGeneration(png);
    return "read";
  } catch (error) {
    if (error instanceof InputError) return "refused";
    throw error;
  }
}

test("changed, cut and repeated bytes anywhere", () => {
  const random = randomNumbers(1);
  const outcomes = { read: 0, refused: 0 };
  for (let round = 0; round < 20_000; round++) {
    const below = (limit: number) => Math.floor(random() * limit);
    let png = Uint8Array.from(whole);
    for (let change = below(4); change >= 0; change--) png[below(png.length)] = below(256);
    if (random() < 0.2) png = png.subarray(0, below(png.length));
    if (random() < 0.2) png = Uint8Array.of(...png.subarray(0, below(png.length)), ...png.subarray(below(png.length)));
    outcomes[survives(png)]++;
  }
  // Both ends are met: changes of the pixels are none of our business, changes of the text are noticed.
  // Texts are nine tenths of this small file, so few of the former.
  expect(outcomes.read).toBeGreaterThan(200);
  expect(outcomes.refused).toBeGreaterThan(5000);
});

test("a text that is changed is never read as another text", () => {
  const start = Buffer.from(whole).indexOf("arc2face\0");
  const random = randomNumbers(2);
  for (let round = 0; round < 2000; round++) {
    const png = Uint8Array.from(whole);
    const at = start + Math.floor(random() * 60);
    png[at] = png[at]! ^ (1 + Math.floor(random() * 255));
    expect(survives(png)).toBe("refused");
  }
});

test("random contents of every kind of text chunk, with the right checksum", () => {
  const random = randomNumbers(3);
  const outcomes = { read: 0, refused: 0 };
  for (let round = 0; round < 6000; round++) {
    const type = ["tEXt", "zTXt", "iTXt"][round % 3]!;
    // Few distinct values, so that the NULs and flags that the formats turn on are met often.
    const junk = Uint8Array.from(
      { length: Math.floor(random() * 24) },
      () => [0, 0, 1, 65, 66, 0x78, 0xc3][Math.floor(random() * 7)]!,
    );
    const tail = random() < 0.3 ? deflateSync("{}") : new Uint8Array();
    outcomes[survives(insertChunk(whole, pngChunk(type, Buffer.concat([junk, tail]))))]++;
  }
  expect(outcomes.read).toBeGreaterThan(100);
  expect(outcomes.refused).toBeGreaterThan(100);
});

test("a thousand compressed bombs cost no more than the limits", () => {
  const bomb = pngChunk("zTXt", Buffer.concat([Buffer.from("k\0\0"), deflateSync(Buffer.alloc(2 ** 20 - 1))]));
  const png = insertChunk(whole, Buffer.concat(Array.from({ length: 1000 }, () => bomb)));
  expect(() => readPngText(png)).toThrow("larger than");
});
