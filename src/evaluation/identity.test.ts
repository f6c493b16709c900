import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeGenerator, fakeJudges, personPhoto } from "../../test/support/fake-generator.js";
import { InputError } from "../errors.js";
import { encodePng } from "../image/encode.js";
import { solidImage } from "../image/image.js";
import { evaluateIdentity, type IdentityOptions } from "./identity.js";
import { summariseIdentity } from "./identity-summary.js";

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "identity-"));
});
afterEach(() => rm(out, { recursive: true }));

const photo = (name: string, degrees: number) => ({
  name,
  photo: { name: `${name}.png`, read: () => encodePng(personPhoto(degrees)) },
});
const inputs = [photo("ann", 0), photo("ben", 90)];
const run = (turn: (seed: number) => number | undefined, options: Partial<IdentityOptions> = {}) => {
  const { model, made } = fakeGenerator(turn);
  const request = { count: 3, seed: 7 };
  return { made, result: evaluateIdentity({ inputs, model, judges: fakeJudges, request, out, ...options }) };
};
const thresholds = [
  { name: "first", threshold: 0.5 },
  { name: "second", threshold: 0.9 },
] as const;
const cos = (degrees: number) => Math.cos((degrees * Math.PI) / 180);

describe("figures", () => {
  test("are the means of angles that can be worked out by hand", async () => {
    // Seeds 7, 8 and 9: the person, 60 degrees off (on the edge of 0.5), and nobody.
    const { result } = run((seed) => [0, 59, undefined][seed - 7]);
    const summary = summariseIdentity(await result, ...thresholds);
    expect(summary).toMatchObject({ inputs: 2, images: 6, nearestTraining: null });
    expect(summary.meanSimilarity).toBeCloseTo((1 + cos(59)) / 2, 6);
    expect(summary.shareAboveThreshold).toBeCloseTo(4 / 6, 6);
    expect(summary.shareFaceFound).toBeCloseTo(4 / 6, 6);
    // Ann at 0 and 59 degrees, Ben at 90 and 149.
    expect(summary.crossSimilarity).toBeCloseTo((cos(90) + cos(149) + cos(31) + cos(90)) / 4, 6);
    expect(summary.secondRecogniser.name).toBe("second");
    expect(summary.secondRecogniser.shareAboveThreshold).toBeCloseTo(2 / 6, 6);
    expect(summary.diversity.embedding).toBeCloseTo(1 - cos(59), 6);
    // Of three images: red differs by 59; red, green and blue of the first and of nobody by 0, 10, 255; and so on.
    const ann = [59, 0 + 10 + 255, 59 + 10 + 255];
    const ben = [59, 90 + 10 + 255, 149 + 10 + 255];
    const sum = [...ann, ...ben].reduce((total, difference) => total + difference, 0);
    expect(summary.diversity.pixel).toBeCloseTo(sum / 6 / 3 / 255, 6);
  });

  test("show a model that has collapsed: everybody's images look alike", async () => {
    const collapsed = run(() => 0, { model: fakeGenerator(() => 0).model });
    const faithful = summariseIdentity(await collapsed.result, ...thresholds);
    expect(faithful.crossSimilarity).toBeCloseTo(0, 6);
    // The same image whoever is asked for.
    const { model } = fakeGenerator(() => 0);
    const generate: typeof model.generate = async function* (request) {
      for await (const image of model.generate(request)) yield { ...image, data: personPhoto(45).data };
    };
    const again = await mkdtemp(join(tmpdir(), "identity-"));
    const { result } = run(() => 0, { model: { ...model, generate }, out: again });
    const summary = summariseIdentity(await result, ...thresholds);
    await rm(again, { recursive: true });
    expect(summary.meanSimilarity).toBeCloseTo(cos(45), 6);
    expect(summary.shareAboveThreshold).toBe(1);
    expect(summary.crossSimilarity).toBeCloseTo(1, 6);
    expect(summary.diversity).toEqual({ embedding: expect.closeTo(0, 6), pixel: 0 });
  });

  test("are null where there is nothing to take a mean of, or no threshold", async () => {
    const { result } = run(() => undefined, { request: { count: 1, seed: 0 } });
    const summary = summariseIdentity(await result, { name: "first", threshold: null }, thresholds[1]);
    expect(summary).toMatchObject({ meanSimilarity: null, shareAboveThreshold: null, shareFaceFound: 0 });
    expect(summary).toMatchObject({ crossSimilarity: null, diversity: { embedding: null, pixel: null } });
    expect(summary.secondRecogniser.shareAboveThreshold).toBe(0);
  });
});

describe("images are kept", () => {
  test("with their seeds, and an interrupted run is gone on with", async () => {
    const interruption = new AbortController();
    const { model, made } = fakeGenerator((seed) => {
      if (made.length === 5) interruption.abort(new Error("stopped"));
      return seed;
    });
    await expect(run(() => 0, { model, signal: interruption.signal }).result).rejects.toThrow("stopped");
    // Stopped while the second image of Ben was made, which is finished; the third was not begun.
    expect((await readdir(join(out, "images"))).sort()).toEqual(
      ["ann-7", "ann-8", "ann-9", "ben-7", "ben-8"].map((name) => `${name}.png`),
    );
    const second = run((seed) => seed);
    const resumed = await second.result;
    expect(second.made).toEqual([9]);
    expect(resumed.identities[1]!.images.map(({ file }) => file)).toEqual(
      [7, 8, 9].map((seed) => `images/ben-${seed}.png`),
    );
    const elsewhere = await mkdtemp(join(tmpdir(), "identity-"));
    const whole = await run((seed) => seed, { out: elsewhere }).result;
    await rm(elsewhere, { recursive: true });
    expect(resumed).toEqual(whole);
    const third = run((seed) => seed);
    await third.result;
    expect(third.made).toEqual([]);
  });

  test("as long as they are asked for in the same way", async () => {
    await run(() => 1).result;
    const otherwise = run(() => 2, { request: { count: 2, seed: 8, steps: 4 } });
    await otherwise.result;
    expect(otherwise.made).toEqual([8, 9, 8, 9]);
  });

  test("and a file that is not one of them is left alone", async () => {
    await run(() => 1).result;
    await writeFile(join(out, "images/ben-8.png"), "mine");
    await expect(run(() => 1).result).rejects.toThrow("in the way");
    expect(await readFile(join(out, "images/ben-8.png"), "utf8")).toBe("mine");
  });
});

test("photos that cannot be used are put down, and the others go on", async () => {
  const nobody = { name: "sky", photo: { name: "sky.png", read: () => encodePng(solidImage(9, 9, [1, 1, 255])) } };
  const broken = { name: "bad", photo: { name: "bad.png", read: async () => Uint8Array.of(1, 2) } };
  const progress: number[] = [];
  const onProgress = (done: number) => progress.push(done);
  const { result } = run(() => 0, { inputs: [nobody, inputs[0]!, broken], onProgress });
  const { identities, skipped } = await result;
  expect(identities.map(({ name }) => name)).toEqual(["ann"]);
  expect(skipped.map(({ name }) => name)).toEqual(["sky", "bad"]);
  expect(progress).toEqual([1, 2, 3]);
  await expect(run(() => 0, { inputs: [nobody] }).result).rejects.toThrow(InputError);
});
