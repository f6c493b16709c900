import { afterAll, beforeAll, expect, test } from "vitest";
import { CheckpointError } from "../../src/errors.js";
import { Recogniser } from "../../src/face/recogniser.js";
import { image } from "../../src/image/image.js";
import { dlibResnetModel } from "../../src/models/dlib-resnet.js";
import { readJson } from "../support/fixtures.js";

// The real network, from its npm package, against face-api's own implementation of it (reference/face_api.mjs).

const pictures = {
  noise: (i: number) => (i * 7919) % 256,
  gradient: (i: number) => ((Math.floor(i / 3) % 150) + 2 * Math.floor(i / 450) + 40 * (i % 3)) % 256,
};
let recogniser: Recogniser;
beforeAll(async () => {
  recogniser = await Recogniser.load("dlib-resnet", { device: "cpu", threads: 1 });
});
afterAll(() => recogniser.release());

test("descriptors are those of face-api", async () => {
  const expected = (await readJson("parity/dlib-resnet.json")) as Record<keyof typeof pictures, number[]>;
  const faces = Object.values(pictures).map((pixel) =>
    image(
      150,
      150,
      Uint8Array.from({ length: 150 * 150 * 3 }, (_, i) => pixel(i)),
    ),
  );
  const found = await recogniser.embed(faces);
  for (const [i, values] of Object.values(expected).entries()) {
    const { embedding, norm } = found[i]!;
    // Sums of float32 in another order, through 29 layers; descriptors have a length of about 1.3.
    const errors = values.map((value, j) => Math.abs(value - embedding[j]! * norm));
    expect(Math.max(...errors)).toBeLessThan(2e-6);
  }
});

test("is known by name, with the threshold that was measured", () => {
  expect(recogniser.id.name).toBe("dlib-resnet");
  expect(recogniser.embeddingSize).toBe(128);
  expect(recogniser.takesArcFace).toBe(false);
  expect(recogniser.calibration?.threshold).toBeGreaterThan(0.85);
});

test("weights of another network are refused by name", () => {
  expect(() => dlibResnetModel(new Map(), "other.json")).toThrow(CheckpointError);
  expect(() => dlibResnetModel(new Map(), "other.json")).toThrow('other.json: weight "conv32_down.conv.filters"');
});
