import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fakeGenerator, fakeJudges, personPhoto } from "../../test/support/fake-generator.js";
import { decodeImage } from "../image/decode.js";
import { encodePng } from "../image/encode.js";
import { evaluateTruncation } from "./truncation.js";

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), "pca-"));
});
afterEach(() => rm(out, { recursive: true }));

const photo = (name: string, degrees: number) => ({
  name,
  photo: { name: `${name}.png`, read: () => encodePng(personPhoto(degrees)) },
});
/** People differ by what is along x; y is always 0.5. */
const principal = {
  mean: Float64Array.of(0, 0.5),
  axes: Float64Array.of(1, 0, 0, 1),
  variances: Float64Array.of(3, 1),
};
const cos = (degrees: number) => Math.cos((degrees * Math.PI) / 180);

test("truncated embeddings give images of somebody a little else, with the same seeds", async () => {
  const { model, made } = fakeGenerator((seed) => (seed === 4 ? 10 : undefined));
  const inputs = [photo("ann", 0), photo("ben", 90)];
  const request = { count: 2, seed: 4 };
  const options = { inputs, model, judges: fakeJudges, request, out, principal, components: [1] };
  const { truncations, ...counts } = await evaluateTruncation(options);
  expect(counts).toEqual({ inputs: 2, images: 4, skipped: [] });
  expect(made).toEqual([4, 5, 4, 5, 4, 5, 4, 5]);
  // With one component, Ann at 0 degrees becomes (1, 0.5), at 26.57 degrees, and Ben stays where he is.
  const [full, one] = truncations;
  expect(full).toMatchObject({ components: 2, variance: 1, shareFaceFound: 0.5 });
  expect(full!.embeddingSimilarity).toBeCloseTo(1, 6);
  expect(full!.meanSimilarity).toBeCloseTo(cos(10), 6);
  expect(full!.similarityToFull).toBeCloseTo(1, 6);
  expect(one).toMatchObject({ components: 1, variance: 0.75, shareFaceFound: 0.5 });
  expect(one!.embeddingSimilarity).toBeCloseTo((2 / Math.sqrt(5) + 1) / 2, 6);
  // The generator's colours are whole degrees: 27 + 10.
  expect(one!.meanSimilarity).toBeCloseTo((cos(37) + cos(10)) / 2, 6);
  expect(one!.similarityToFull).toBeCloseTo((cos(27) + 1) / 2, 6);

  expect((await readdir(join(out, "images"))).sort()).toEqual(
    ["ann-4", "ann-5", "ann-pca1-4", "ann-pca1-5", "ben-4", "ben-5", "ben-pca1-4", "ben-pca1-5"].map((n) => `${n}.png`),
  );
  // Input and two columns, two people with two seeds each.
  const { widthPx, heightPx } = await decodeImage(join(out, "pca.png"));
  expect([widthPx, heightPx]).toEqual([8 + 3 * 136, 8 + 4 * 156]);
  expect(JSON.parse(await readFile(join(out, "pca.json"), "utf8")).truncations).toEqual(truncations);
  expect(await readFile(join(out, "pca.svg"), "utf8")).toContain("Share of variance");
});

test("a number of components that there is not is refused before anything is made", async () => {
  const { model, made } = fakeGenerator(() => 0);
  const options = { inputs: [photo("ann", 0)], model, judges: fakeJudges, request: { count: 1, seed: 0 }, out };
  await expect(evaluateTruncation({ ...options, principal, components: [3] })).rejects.toThrow("1 to 2");
  expect(made).toEqual([]);
});
