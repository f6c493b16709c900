import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cli } from "../../test/support/cli.js";
import { fixture } from "../../test/support/fixtures.js";
import { writeDataset } from "../../test/support/training.js";
import { drawEmbedding, readIdentities } from "../identity/distribution.js";
import { PhotoPipeline } from "../pipeline/photo-pipeline.js";

let folder: string;
let pipeline: PhotoPipeline;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "new-identities-"));
  pipeline = await PhotoPipeline.load("mini");
  const { embeddingSize, recogniser } = pipeline.model;
  await writeDataset(join(folder, "faces"), { count: embeddingSize + 20, embeddingSize, recogniser: recogniser! });
  await writeDataset(join(folder, "others"), { count: 8 });
}, 60_000);
afterAll(async () => {
  await pipeline.release();
  await rm(folder, { recursive: true });
});
const find = (dataset: string, name: string, ...args: string[]) =>
  cli(["dataset", "identities", join(folder, dataset), "--out", join(folder, name, "identities.safetensors"), ...args]);

test("--model keeps those draws, in their order, whose image is that person", async () => {
  const least = 0.2;
  const options = ["-n", "3", "--model", "mini", "--least-likeness", String(least), "--json"];
  const { status, stdout, stderr } = await find("faces", "shown", ...options);
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  const { seeds, draws, ...distribution } = await readIdentities(join(folder, "shown"));
  expect(JSON.parse(stdout)).toMatchObject({ found: 3, draws });
  const shown: number[] = [];
  for (let seed = 0; seed < draws; seed++) {
    const request = { faceEmbedding: drawEmbedding(distribution, seed), seed: 0 };
    for await (const { similarity } of pipeline.generate(request))
      if (similarity !== null && similarity >= least) shown.push(seed);
  }
  expect(seeds).toEqual(shown);
  // Some are left out, or this would show nothing.
  expect(draws).toBeGreaterThan(3);
}, 120_000);

test("a model of another recogniser is refused, and nothing is written", async () => {
  const { status, stderr } = await find("others", "refused", "--model", fixture("tiny"));
  expect([status, stderr]).toEqual([2, expect.stringContaining("is needed")]);
  expect(await readdir(folder)).not.toContain("refused");
});
