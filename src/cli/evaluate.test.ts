import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cli } from "../../test/support/cli.js";
import { fixture } from "../../test/support/fixtures.js";
import { writeDataset } from "../../test/support/training.js";
import { decodeImage } from "../image/decode.js";

// A tiny model, a tiny detector of random weights, which takes noise for a face, and the real networks of landmarks and of the second
// recogniser, from their npm packages.

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "evaluate-"));
  await cp(fixture("image/arcface-upright.png"), join(folder, "photos/ann.png"));
  await cp(fixture("image/arcface-tilted.png"), join(folder, "photos/ben/0001.png"));
});
afterAll(() => rm(folder, { recursive: true }));

const networks = [
  ...["--model", fixture("tiny"), "--recogniser", fixture("face/recogniser.onnx"), "--aligned"],
  ...["--detector", fixture("face/scrfd-fixed.onnx"), "--device", "cpu", "--threads", "1"],
];
const evaluate = (kind: string, ...options: string[]) =>
  cli(["evaluate", kind, "--inputs", join(folder, "photos"), ...networks, "--steps", "2", ...options]);

describe("evaluate identity", () => {
  test("--json prints the figures and nothing else; tables, page and images go to the folder", async () => {
    const out = join(folder, "identity");
    const { status, stdout, stderr } = await evaluate("identity", "-n", "1", "--limit", "1", "--out", out, "--json");
    expect(stderr).toContain("dlib-resnet (licence: MIT)");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      inputs: 1,
      images: 1,
      meanSimilarity: expect.any(Number),
      shareAboveThreshold: null,
      shareFaceFound: 1,
      crossSimilarity: null,
      secondRecogniser: {
        name: "dlib-resnet",
        meanSimilarity: expect.any(Number),
        shareAboveThreshold: expect.any(Number),
      },
      diversity: { embedding: null, pixel: null },
      nearestTraining: null,
    });
    expect((await readdir(out, { recursive: true })).sort()).toEqual([
      "images",
      "images.csv",
      "images/ann-0.png",
      "report.html",
      "report.json",
      "similarity-second.svg",
      "similarity.svg",
      "summary.json",
    ]);
  });

  test("wrong words are refused before anything is loaded", async () => {
    for (const [options, says] of [
      [["--inputs", join(folder, "none")], "no such folder"],
      [["--inputs", folder, "--limit", "0"], "of at least 1"],
      [["--inputs", folder, "--threshold", "2"], "from -1 to 1"],
    ] as const) {
      const { status, stderr } = await cli(["evaluate", "identity", ...options]);
      expect([status, stderr.includes("loading")]).toEqual([2, false]);
      expect(stderr).toContain(says);
    }
  });
});

test("evaluate pca needs a dataset of the same recogniser", async () => {
  const { status, stderr } = await evaluate("pca", "--training", folder, "--out", join(folder, "pca"));
  expect(status).toBe(2);
  expect(stderr).toContain("is no dataset; make one with arc2face dataset prepare");
  const wrong = await cli(["evaluate", "pca", "--inputs", folder, "--training", folder, "--components", "10,x"]);
  expect(wrong.stderr).toContain("whole number of at least 1");
});
describe("evaluate autoencoder", () => {
  const measure = (...options: string[]) =>
    cli([
      ...["evaluate", "autoencoder", join(folder, "faces"), "--autoencoder", fixture("tiny")],
      ...["--recogniser", fixture("face/recogniser.onnx"), "--detector", fixture("face/scrfd-fixed.onnx")],
      ...["--device", "cpu", "--threads", "1", ...options],
    ]);
  beforeAll(() => writeDataset(join(folder, "faces"), { count: 3, sizePx: 128 }));

  test("--json prints the figures and nothing else; the sheet shows pairs", async () => {
    const sheet = join(folder, "pairs.png");
    const { status, stdout, stderr } = await measure("--limit", "2", "--sheet", sheet, "--json");
    expect(stderr).toContain("dlib-resnet (licence: MIT)");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      images: expect.any(Number),
      psnr: expect.any(Number),
      meanSimilarity: expect.any(Number),
      shareAboveThreshold: null,
      shareFaceFound: expect.any(Number),
      secondRecogniser: {
        name: "dlib-resnet",
        meanSimilarity: expect.any(Number),
        shareAboveThreshold: expect.any(Number),
      },
    });
    expect((await decodeImage(sheet)).widthPx).toBeGreaterThan(2 * 128);
  });

  test("a folder that is no dataset, and a recogniser that is not known by name, are told", async () => {
    const other = await cli(["evaluate", "autoencoder", join(folder, "photos"), "--autoencoder", fixture("tiny")]);
    expect(other).toMatchObject({ status: 2, stderr: expect.stringContaining("dataset prepare") });
    const unknown = await cli(["evaluate", "autoencoder", join(folder, "faces"), "--autoencoder", fixture("tiny")]);
    expect(unknown).toMatchObject({ status: 2, stderr: expect.stringContaining("--recogniser") });
  });
});
