import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakeGenerator, fakeJudges, personPhoto } from "../../test/support/fake-generator.js";
import { encodePng } from "../image/encode.js";
import { evaluateIdentity } from "./identity.js";
import { writeIdentityPage } from "./identity-page.js";
import { type IdentityResults, imageRows, toCsv, writeIdentityTables } from "./identity-report.js";
import { summariseIdentity } from "./identity-summary.js";

let out: string;
let results: IdentityResults;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "report-"));
  const inputs = ["=ann, <b>", "ben"].map((name, i) => ({
    name,
    photo: { name, read: () => encodePng(personPhoto(90 * i)) },
  }));
  const { model } = fakeGenerator((seed) => [undefined, 0, 80][seed]);
  const request = { count: 3, seed: 0 };
  const evaluation = await evaluateIdentity({ inputs, model, judges: fakeJudges, request, out });
  const [first, second] = [
    { name: "first", threshold: 0.5 },
    { name: "second", threshold: null },
  ];
  const nearest = [0.1, 0.4, 0.3, 0.2].map((similarity, row) => ({ row, similarity, name: `photo-${row}.jpg` }));
  const summary = summariseIdentity(evaluation, first, second, nearest);
  results = { evaluation, summary, first, second, nearest, settings: { model: "fake", steps: 2 } };
});
afterAll(() => rm(out, { recursive: true }));

describe("tables", () => {
  test("have a row for every image, and the nearest training image where there is a face", () => {
    const rows = imageRows(results);
    expect(rows.map(({ faceFound }) => faceFound)).toEqual([false, true, true, false, true, true]);
    expect(rows.map(({ nearestTraining }) => nearestTraining)).toEqual([
      null,
      "photo-0.jpg",
      "photo-1.jpg",
      null,
      "photo-2.jpg",
      "photo-3.jpg",
    ]);
    expect(rows.map(({ aboveThreshold }) => aboveThreshold)).toEqual([false, true, false, false, true, false]);
    expect(rows[1]).toMatchObject({ input: "=ann, <b>", seed: 1, similarity: expect.closeTo(1, 6) });
    expect(rows[1]!.secondAboveThreshold).toBeNull();
    expect(results.summary.nearestTraining).toBeCloseTo(0.25, 6);
  });

  test("as CSV are quoted, and hold no formulas", () => {
    const [header, first] = toCsv(imageRows(results)).split("\r\n");
    expect(header).toBe(
      "input,file,seed,faceFound,similarity,aboveThreshold,secondSimilarity,secondAboveThreshold," +
        "nearestTraining,nearestSimilarity",
    );
    expect(first).toBe(`"'=ann, <b>","images/=ann, <b>-0.png",0,false,,false,,,,`);
  });

  test("are written with the plots", async () => {
    const files = await writeIdentityTables(results, out);
    expect(files.map((file) => file.slice(out.length + 1))).toEqual([
      "summary.json",
      "report.json",
      "images.csv",
      "similarity.svg",
      "similarity-second.svg",
    ]);
    expect(JSON.parse(await readFile(join(out, "summary.json"), "utf8"))).toEqual(results.summary);
    const report = JSON.parse(await readFile(join(out, "report.json"), "utf8"));
    expect(report.identities[1].images[0]).toMatchObject({ file: "images/ben-0.png", faceFound: false });
    expect(report.quantiles.first["0.5"]).toBeCloseTo((1 + Math.cos((80 * Math.PI) / 180)) / 2, 6);
  });
});

test("the page holds its pictures, loads nothing, and shows names as text", async () => {
  const path = await writeIdentityPage(results, out, async () => personPhoto(5));
  const html = await readFile(path, "utf8");
  // Two inputs, six images, and four pairs of an image and its nearest.
  expect(html.match(/<img src="data:image\/jpeg;base64,/g)).toHaveLength(2 + 6 + 8);
  expect(html).not.toMatch(/(src|href)="(?!data:)/);
  expect(html).not.toContain("<b>");
  expect(html).toContain("=ann, &lt;b&gt;");
  expect(html).toContain("no face");
  expect(html.indexOf("photo-1.jpg 0.40")).toBeLessThan(html.indexOf("photo-2.jpg 0.30"));
});
