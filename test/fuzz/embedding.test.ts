import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { InputError } from "../../src/errors.js";
import { decodeEmbeddings } from "../../src/pipeline/embedding-file.js";
import { unitEmbedding } from "../../src/pipeline/request.js";
import { MersenneTwister } from "../../src/tensor/mersenne-twister.js";
import { encodeNpy } from "../../src/tensor/npy.js";
import { f32 } from "../../src/tensor/tensor.js";
import { fixture } from "../support/fixtures.js";
import { mutations } from "../support/mutate.js";

const size = 24;
const json = await readFile(fixture("pipeline/embedding.json"));
const { embedding } = JSON.parse(json.toString()) as { embedding: number[] };
const minified = Buffer.from(JSON.stringify([{ embedding }, { embedding }]));
const npy = encodeNpy(f32([3, size], [...embedding, ...embedding, ...embedding]));

/** What becomes of a file on its way into the networks; anything but unit vectors and an InputError is a bug. */
function outcome(bytes: Uint8Array): "accepted" | "refused" {
  try {
    for (const face of decodeEmbeddings(bytes, "it")) {
      const unit = unitEmbedding(face, size);
      expect(unit.length).toBe(size);
      expect(Math.hypot(...unit)).toBeCloseTo(1, 5);
    }
    return "accepted";
  } catch (error) {
    if (!(error instanceof InputError)) {
      throw new Error(`Not an InputError, for ${Buffer.from(bytes).toString("base64")}`, { cause: error });
    }
    expect(error.message.length).toBeLessThan(1000);
    return "refused";
  }
}

test.each([
  ["JSON as people write it", json, 1],
  ["JSON of several", minified, 2],
  ["an array", npy, 3],
])("damaged copies of %s", (_, bytes, seed) => {
  const outcomes = { accepted: 0, refused: 0 };
  for (const mutated of mutations(bytes, seed, 4000)) outcomes[outcome(mutated)]++;
  expect(outcomes.accepted).toBeGreaterThan(100);
  expect(outcomes.refused).toBeGreaterThan(400);
});

test("numbers that are none, at the limits, of no direction, or too many or few", () => {
  const special = [Number.NaN, Infinity, -Infinity, 0, -0, 5e-324, -1e-7, 3.4e38, -1.7e308, 1];
  const twister = new MersenneTwister(4);
  const below = (limit: number) => twister.next() % limit;
  const outcomes = { accepted: 0, refused: 0 };
  for (let round = 0; round < 4000; round++) {
    // Some of only two kinds, so that all zeros and all finite are met.
    const kinds = Array.from({ length: 1 + below(2) }, () => special[below(special.length)]!);
    const values = Array.from({ length: below(3) ? size : below(64) }, () => kinds[below(kinds.length)]!);
    const bytes = [
      () => encodeNpy(f32([values.length], values)),
      () => encodeNpy({ dtype: "f64", shape: [values.length], data: Float64Array.from(values) }),
      () => Buffer.from(`[${values}]`),
      () => Buffer.from(JSON.stringify({ embedding: values })),
    ][round % 4]!();
    outcomes[outcome(bytes)]++;
  }
  expect(outcomes.accepted).toBeGreaterThan(300);
  expect(outcomes.refused).toBeGreaterThan(300);
});

test("large and deep JSON costs bounded memory and time", () => {
  const full = (unit: string, head = "", tail = "") =>
    Buffer.from(head + unit.repeat(Math.floor((2 ** 23 - head.length - tail.length) / unit.length)) + tail);
  const bombs = [
    full("["),
    full("[],", "[", "[]]"),
    full('{"a":'),
    full("1", '{"embedding":[', "]}"),
    full("9", '{"embedding":"', '"}'),
  ];
  const before = process.memoryUsage().rss;
  for (const bomb of bombs) expect(outcome(bomb)).toBe("refused");
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30);
});

test("arrays whose header promises more than the file holds", () => {
  for (const shape of [
    "(999999999999, 512)",
    "(512, 999999999999999)",
    "(4294967297, 4294967297)",
    "(99999999999999,)",
  ]) {
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117);
    const bytes = Buffer.concat([Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"), Buffer.from(`${header}\n`)]);
    expect(outcome(bytes)).toBe("refused");
  }
});
