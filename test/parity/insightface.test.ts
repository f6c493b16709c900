import { afterAll, describe, expect, test } from "vitest";
import type { FaceDetector } from "../../src/face/detection.js";
import { cropImage } from "../../src/face/letterbox.js";
import { loadDetector } from "../../src/face/load-detector.js";
import { Recogniser } from "../../src/face/recogniser.js";
import type { Point } from "../../src/image/affine.js";
import { alignArcFace } from "../../src/image/arcface.js";
import { decodeImage } from "../../src/image/decode.js";
import { fixture, readJson } from "../support/fixtures.js";

// Networks with random weights in the layouts of SCRFD and ArcFace, and what insightface's own classes make of them;
// made by reference/scrfd.py.
const expected = (await readJson("face/insightface.json")) as {
  fixed: { boxes: number[][]; points: Point[][] };
  dynamic: { boxes: number[][] };
  embeddings: { name: string; embedding: number[] }[];
};
const photo = await decodeImage(fixture("image/photo-200x160.png"));

async function detect(file: string, use: (detector: FaceDetector) => ReturnType<FaceDetector["detect"]>) {
  const { detector } = await loadDetector(fixture(`face/${file}`), { device: "cpu", threads: 1 });
  try {
    return await use(detector);
  } finally {
    await detector.release();
  }
}

/** float32 on both sides, and boxes of up to 200 pixels. */
const tolerance = 1e-3;

function expectNear(actual: readonly number[], wanted: readonly number[]): void {
  expect(actual.length).toBe(wanted.length);
  for (const [i, value] of actual.entries()) expect(Math.abs(value - wanted[i]!)).toBeLessThan(tolerance);
}

describe("SCRFD gives insightface's faces", () => {
  test("boxes, scores and points of a graph of fixed size, with a batch axis", async () => {
    const found = await detect("scrfd-fixed.onnx", (detector) => detector.detect(photo));
    expect(found.length).toBe(expected.fixed.boxes.length);
    for (const [i, { box, score, points5 }] of found.entries()) {
      expectNear([...box, score], expected.fixed.boxes[i]!);
      expectNear(points5!.flat(), expected.fixed.points[i]!.flat());
    }
  });

  test("boxes and scores of a graph of any size, without points", async () => {
    const corner = cropImage(photo, 0, 0, 160, 120);
    const found = await detect("scrfd-dynamic.onnx", (detector) => detector.detect(corner, { zoom: 0.25 }));
    expect(found.length).toBe(expected.dynamic.boxes.length);
    for (const [i, { box, score, points5 }] of found.entries()) {
      expectNear([...box, score], expected.dynamic.boxes[i]!);
      expect(points5).toBeUndefined();
    }
  });
});

describe("a recogniser gives insightface's embeddings", async () => {
  const recogniser = await Recogniser.load(fixture("face/recogniser.onnx"), { device: "cpu", threads: 1 });
  afterAll(() => recogniser.release());
  const cases = (await readJson("image/arcface.json")) as { name: string; points5: Point[] }[];

  test.each(cases)("$name", async ({ name, points5 }) => {
    const raw = expected.embeddings.find((one) => one.name === name)!.embedding;
    const norm = Math.hypot(...raw);
    const unit = raw.map((value) => value / norm);
    const [fromTheirCrop] = await recogniser.embed([await decodeImage(fixture(`image/arcface-${name}.png`))]);
    expectNear([...fromTheirCrop!.embedding], unit);
    expect(fromTheirCrop!.norm).toBeCloseTo(norm, 3);
    // Crops agree within a level of rounding.
    const [fromOurCrop] = await recogniser.embed([alignArcFace(photo, points5)]);
    expectNear([...fromOurCrop!.embedding], unit);
  });
});
