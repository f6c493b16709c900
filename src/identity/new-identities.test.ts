import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { cosine } from "../face/identity.js";
import { TorchGenerator } from "../tensor/random.js";
import { cholesky, multiplyLower } from "./cholesky.js";
import {
  drawEmbedding,
  fitDistribution,
  type IdentityDistribution,
  identitiesFile,
  type NewIdentities,
  readIdentities,
  writeIdentities,
} from "./distribution.js";
import { findNewIdentities } from "./find-new.js";
import { interpolateIdentities } from "./interpolate.js";
import { sampleIdentities } from "./sample-identities.js";

const recogniser = { name: "triple", sha256: "3".repeat(64) };
/** Independent numbers around (0.5, 0, 0). */
const distribution: IdentityDistribution = {
  recogniser,
  mean: Float32Array.of(0.5, 0, 0),
  factor: Float32Array.of(1, 0, 1, 0, 0, 1),
};

test("cholesky, and the product with it", () => {
  // [[4, 2, 6], [2, 5, 7], [6, 7, 19]]
  const factor = cholesky(Float64Array.of(4, 2, 5, 6, 7, 19), 3);
  expect([...factor]).toEqual([2, 1, 2, 3, 2, Math.sqrt(6)]);
  expect([...multiplyLower(factor, [1, 10, 100])]).toEqual([2, 21, 23 + 100 * Math.sqrt(6)]);
  expect(() => cholesky(Float64Array.of(1, 2, 1), 2)).toThrow("no Cholesky factor");
});

describe("a distribution", () => {
  it("has the mean and the covariance of what it was fitted to", () => {
    const rows = [
      [1, 0],
      [3, 0],
      [1, 4],
      [3, 4],
    ].map((row) => Float32Array.from(row));
    const { mean, factor } = fitDistribution(rows, recogniser);
    expect([...mean]).toEqual([2, 2]);
    // Variances 4/3 and 16/3, no covariance; float16 keeps three digits.
    for (const [i, expected] of [Math.sqrt(4 / 3), 0, Math.sqrt(16 / 3)].entries())
      expect(factor[i]).toBeCloseTo(expected, 2);
    expect(() => fitDistribution(rows.slice(0, 2), recogniser)).toThrow("give more");
  });

  it("gives directions: mean and factor times torch's noise, at length 1", () => {
    const skewed = { ...distribution, factor: Float32Array.of(2, 1, 3, 0, 0, 0.5) };
    const [a, b, c] = new TorchGenerator(7).randn([3]).data;
    const values = [0.5 + 2 * a!, a! + 3 * b!, 0.5 * c!];
    const norm = Math.hypot(...values);
    for (const [i, value] of drawEmbedding(skewed, 7).entries()) expect(value).toBeCloseTo(values[i]! / norm, 6);
  });
});

describe("new identities", () => {
  const training = [Float32Array.of(1, 0, 0), Float32Array.of(0, 0, -1)];
  let found: NewIdentities;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "identities-"));
    found = await findNewIdentities(distribution, training, { count: 40, maxSimilarity: 0.3 });
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("are the first draws that are like nobody who was trained on", () => {
    const passes = (seed: number) => training.every((face) => cosine(drawEmbedding(distribution, seed), face) < 0.3);
    const expected = Array.from({ length: found.draws }, (_, seed) => seed).filter(passes);
    expect(found.seeds).toEqual(expected);
    expect(found.seeds).toHaveLength(40);
    expect(found.draws).toBe(found.seeds.at(-1)! + 1);
    expect(found.comparedWith).toBe(2);
  });

  it("are only those that are accepted, each asked about once", async () => {
    const asked: Float32Array[] = [];
    const accepts = async (face: Float32Array) => asked.push(face) % 3 === 0;
    const chosen = await findNewIdentities(distribution, training, { count: 5, maxSimilarity: 0.3, accepts });
    expect(chosen.seeds).toEqual([2, 5, 8, 11, 14].map((i) => found.seeds[i]));
    expect(asked).toEqual(found.seeds.slice(0, 15).map((seed) => drawEmbedding(distribution, seed)));
  });

  it("are written and read, and hold nobody's embedding", async () => {
    await writeIdentities(join(folder, identitiesFile), found);
    expect(await readIdentities(folder)).toEqual(found);
    await expect(readIdentities(join(folder, "none"))).rejects.toThrow("dataset identities");
  });

  it("are not like each other either, differ by the seed, and come again with it", () => {
    const people = sampleIdentities(found, 3, 5);
    for (const [i, a] of people.entries()) for (const b of people.slice(i + 1)) expect(cosine(a, b)).toBeLessThan(0.3);
    expect(sampleIdentities(found, 3, 5)).toEqual(people);
    expect(sampleIdentities(found, 2, 5)).toEqual(people.slice(0, 2));
    expect(sampleIdentities(found, 3, 6)).not.toEqual(people);
    expect(() => sampleIdentities(found, 40, 5)).toThrow("ask for no more");
  });
});

describe("interpolation", () => {
  it("takes equal steps on the circle", () => {
    const [first, second, third, last] = interpolateIdentities(Float32Array.of(0, 1, 0), Float32Array.of(1, 0, 0), 4);
    expect([[...first!], [...last!].map(Math.round)]).toEqual([
      [0, 1, 0],
      [1, 0, 0],
    ]);
    const degrees = ([x, y]: Float32Array) => (Math.atan2(x!, y!) * 180) / Math.PI;
    expect(degrees(second!)).toBeCloseTo(30, 4);
    expect(degrees(third!)).toBeCloseTo(60, 4);
  });

  it("needs two people", () => {
    const face = Float32Array.of(0.6, 0.8);
    expect(() => interpolateIdentities(face, face, 3)).toThrow("give two people");
    expect(() => interpolateIdentities(face, Float32Array.of(-0.6, -0.8), 3)).toThrow("opposite");
  });
});
