import { expect, test } from "vitest";
import { similarityReport } from "./image-report.js";

const recogniser = {
  name: "net",
  sha256: "0",
  calibration: { threshold: 0.3, typicalNorm: 3, noiseNorm: 1 },
};
const image = (similarity: number | null) => ({ file: "x.png", seed: 1, similarity, faceFound: similarity !== null });
const people = (...names: string[]) => names.map((name) => ({ input: `${name}.jpg`, index: 0, name }));
const report = (similarities: (number | null)[], ...names: string[]) =>
  similarityReport({ images: similarities.map(image), faces: people(...names), recogniser });

test("each image in figures, and all in words", () => {
  expect(report([0.521, 0.3, 0.299, null], "me")).toBe(
    "similarity to me: 0.52, 0.30, 0.30, no face found - 2 of 4 the same person to net, for whom that begins at 0.3\n",
  );
  expect(report([0.5, 0.6], "me")).toContain(" - all the same person to net");
});

test("one image, and one without a face", () => {
  expect(report([0.1], "me")).toMatch(/^similarity to me: 0.10 - someone else to net/);
  expect(report([null], "me")).toBe("similarity to me: no face found\n");
});

test("a line for each person", () => {
  expect(report([0.5, 0.1, 0.2, 0.4], "a", "b").split("\n")).toEqual([
    expect.stringMatching(/^similarity to a: 0.50, 0.10 - 1 of 2/),
    expect.stringMatching(/^similarity to b: 0.20, 0.40 - 1 of 2/),
    "",
  ]);
});

test("many images, and many people, are summed up", () => {
  const many = [0.2, 0.4, 0.6, ...Array<null>(7).fill(null)];
  const sum = "0.40 on average, 0.20 to 0.60; 3 of 10 images show a face - 2 of 10 the same person";
  expect(report(many, "me")).toContain(`similarity to me: ${sum}`);
  const names = Array.from({ length: 10 }, (_, i) => `p${i}`);
  expect(report(many, ...names)).toMatch(`similarity of each to its own face: ${sum}`);
});

test("a recogniser that nobody measured gives figures only", () => {
  const unmeasured = { ...recogniser, calibration: undefined };
  expect(similarityReport({ images: [image(0.4)], faces: people("me"), recogniser: unmeasured })).toBe(
    "similarity to me: 0.40\n",
  );
});
