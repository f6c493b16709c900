import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cli } from "../../test/support/cli.js";
import { fixture, readJson } from "../../test/support/fixtures.js";
import { cosine } from "../face/identity.js";
import { identitiesFile, writeIdentities } from "../identity/distribution.js";
import { decodeImage } from "../image/decode.js";

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "identities-"));
  model = join(folder, "model");
  await cp(fixture("tiny"), model, { recursive: true });
  const { recogniser } = (await readJson("tiny/arc2face.json")) as { recogniser: { name: string; sha256: string } };
  await writeIdentities(join(model, identitiesFile), {
    recogniser,
    mean: new Float32Array(24),
    // The unit matrix.
    factor: Float32Array.from({ length: 300 }, (_, i) => (Number.isInteger((Math.sqrt(8 * i + 9) - 3) / 2) ? 1 : 0)),
    seeds: Array.from({ length: 30 }, (_, i) => 3 * i),
    maxSimilarity: 0.3,
    draws: 88,
    comparedWith: 7,
  });
});
afterAll(() => rm(folder, { recursive: true }));

const quick = ["--steps", "1", "--size", "16", "--no-likeness"];
const run = (command: string, out: string, ...args: string[]) =>
  cli([command, ...args, "--model", model, ...quick, "--out", join(folder, out)]);
const pixelsOf = async (out: string, name: string) => (await decodeImage(join(folder, out, `${name}.png`))).data;

test("sample makes people unlike each other, with their embeddings; the seed decides who", async () => {
  const { status, stdout } = await run("sample", "a", "-n", "3", "--images", "2", "--seed", "4", "--json");
  expect(status).toBe(0);
  const { images, embeddings, sheet, ...rest } = JSON.parse(stdout);
  const file = (name: string) => join(folder, "a", name);
  expect(embeddings).toEqual(["person-4-1.json", "person-4-2.json", "person-4-3.json"].map(file));
  expect(images.map((image: { file: string; seed: number }) => [image.file, image.seed])).toEqual(
    [1, 2, 3].flatMap((person) => [4, 5].map((seed) => [file(`person-4-${person}-${seed}.png`), seed])),
  );
  expect([sheet, rest.model]).toEqual([file("sheet.png"), model]);
  const people = await Promise.all(
    embeddings.map(async (path: string) => Float32Array.from(JSON.parse(await readFile(path, "utf8")).embedding)),
  );
  for (const [a, b] of [
    [0, 1],
    [0, 2],
    [1, 2],
  ])
    expect(cosine(people[a!], people[b!])).toBeLessThan(0.3);

  await run("sample", "b", "-n", "1", "--seed", "4");
  expect(await readFile(join(folder, "b", "person-4-1.json"))).toEqual(await readFile(embeddings[0]));
  await run("generate", "b", embeddings[2], "-n", "1", "--seed", "5");
  expect(await pixelsOf("b", "person-4-3-5")).toEqual(await pixelsOf("a", "person-4-3-5"));
});

test("sample says when there are not so many, and when the model knows nobody new", async () => {
  const many = await run("sample", "c", "-n", "31");
  expect([many.status, many.stderr]).toEqual([2, expect.stringContaining("ask for no more")]);
  const other = await cli(["sample", "--model", fixture("tiny"), "--out", join(folder, "c")]);
  expect([other.status, other.stderr]).toEqual([2, expect.stringContaining("dataset identities")]);
  expect(await readdir(folder)).not.toContain("c");
});

test("interpolate goes from one person to the other, with one seed and a sheet of one row", async () => {
  const { embedding } = (await readJson("pipeline/embedding.json")) as { embedding: number[] };
  const [a, b] = [join(folder, "x.json"), join(folder, "y.json")];
  await writeFile(a, JSON.stringify(embedding));
  await writeFile(b, JSON.stringify(embedding.map((value, i) => (i % 2 ? value : -value))));
  const { status, stdout } = await run("interpolate", "d", a, b, "--frames", "3", "--seed", "8", "--json");
  expect(status).toBe(0);
  const { images, embeddings, sheet } = JSON.parse(stdout);
  expect(images.map(({ file }: { file: string }) => file)).toEqual(
    [1, 2, 3].map((frame) => join(folder, "d", `x-y-${frame}-8.png`)),
  );
  expect(JSON.parse(await readFile(embeddings, "utf8"))).toHaveLength(3);
  const { widthPx, heightPx } = await decodeImage(sheet);
  expect([widthPx, heightPx]).toEqual([8 + 3 * 24, 8 + 16 + 20 + 8]);
  await run("generate", "d", a, b, "-n", "1", "--seed", "8");
  expect(await pixelsOf("d", "x-8")).toEqual(await pixelsOf("d", "x-y-1-8"));
  expect(await pixelsOf("d", "y-8")).toEqual(await pixelsOf("d", "x-y-3-8"));
  const same = await run("interpolate", "e", a, fixture("pipeline/embedding.json"));
  expect([same.status, same.stderr]).toEqual([2, expect.stringContaining("give two people")]);
});
