import { expect, test } from "vitest";
import type { Point } from "../image/affine.js";
import { arcFaceTemplate } from "../image/arcface.js";
import { type Image, solidImage } from "../image/image.js";
import type { Face } from "./face-finder.js";
import type { Rung } from "./ladder.js";
import { measureLikeness, recogniseFaces } from "./likeness.js";

/** A face whose crop is the image's part at the origin. */
function face(rung: Rung, sidePx: number): Face {
  const points5: Point[] = [...arcFaceTemplate];
  return { box: [0, 0, sidePx, sidePx], score: 0.9, landmarks: [], points5, disagreement: 0, rung };
}

/** What is found is decided by the red of an image, and its embedding by the green. */
const found: Record<number, Face[]> = {
  1: [face("as it is", 90), face("as it is", 40)],
  2: [],
  3: [face("turned by 90", 90)],
  4: [face("padded", 80)],
};
const networks = {
  finder: {
    find: async (image: Image, _?: AbortSignal, options: { upright?: boolean } = {}) =>
      found[image.data[0]!]!.filter(({ rung }) => !options.upright || !rung.startsWith("turned")),
  },
  recogniser: {
    embed: async (crops: readonly Image[]) =>
      crops.map(({ data }) => ({
        // An angle in units of 30 degrees.
        embedding: Float32Array.of(Math.cos((data[1]! * Math.PI) / 6), Math.sin((data[1]! * Math.PI) / 6)),
        norm: 3,
        recogniser: { name: "angles", sha256: "0" },
      })),
  },
};
const images = [
  [1, 0],
  [2, 0],
  [3, 0],
  [4, 2],
].map(([red, green]) => solidImage(128, 128, [red!, green!, 0]));

test("the similarity is the cosine to the embedding, of images that show an upright face", async () => {
  const likeness = await measureLikeness(networks, images, Float32Array.of(1, 0));
  expect(likeness.map(({ faceFound }) => faceFound)).toEqual([true, false, false, true]);
  expect(likeness.map(({ similarity }) => similarity && Math.round(similarity * 1e6) / 1e6)).toEqual([
    1,
    null,
    null,
    0.5,
  ]);
});

test("each image keeps its own face, crop and embedding", async () => {
  const [first, , , last] = await recogniseFaces(networks, images);
  expect(first?.face.box).toEqual([0, 0, 90, 90]);
  expect([last?.face.rung, last?.crop.widthPx, last?.crop.data[1]]).toEqual(["padded", 112, 2]);
  expect(last?.embedding[1]).toBeCloseTo(Math.sqrt(3) / 2);
});
