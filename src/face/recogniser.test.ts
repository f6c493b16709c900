import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixture } from "../../test/support/fixtures.js";
import { CheckpointError, InputError } from "../errors.js";
import { decodeImage } from "../image/decode.js";
import { type Image, mirrorImage, solidImage } from "../image/image.js";
import { FaceEmbedder } from "./embed.js";
import { cosine } from "./identity.js";
import { cropImage, pasteImage } from "./letterbox.js";
import { Recogniser } from "./recogniser.js";

const source = fixture("face/recogniser.onnx");
const settings = { device: "cpu", threads: 1 } as const;
let crops: Image[];
let recogniser: Recogniser;
beforeAll(async () => {
  crops = await Promise.all(
    ["upright", "tilted", "upright"].map((name) => decodeImage(fixture(`image/arcface-${name}.png`))),
  );
  recogniser = await Recogniser.load(source, settings);
});
afterAll(() => recogniser.release());

test("is known by its file's name and hash", () => {
  expect(recogniser.id.name).toBe("recogniser");
  expect(recogniser.id.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(recogniser.embeddingSize).toBe(24);
  expect(recogniser.calibration).toBeUndefined();
});

test("embeddings have unit length, remember their norm and their recogniser", async () => {
  const [one] = await recogniser.embed([crops[0]!]);
  expect(Math.hypot(...one!.embedding)).toBeCloseTo(1, 6);
  expect(one!.norm).toBeGreaterThan(0.01);
  expect(one!.recogniser).toEqual(recogniser.id);
});

test("batches of any size give the same", async () => {
  const alone = await Promise.all(crops.map(async (crop) => (await recogniser.embed([crop]))[0]!));
  const inTwos = await Recogniser.load(source, { ...settings, batchSize: 2 });
  try {
    const together = await inTwos.embed(crops);
    expect(together.length).toBe(3);
    for (const [i, { embedding }] of together.entries())
      expect(cosine(embedding, alone[i]!.embedding)).toBeCloseTo(1, 5);
    expect(cosine(together[0]!.embedding, together[1]!.embedding)).toBeLessThan(0.999);
  } finally {
    await inTwos.release();
  }
});

test("the mirrored mean is that of both crops, so a mirrored crop has the same", async () => {
  const mirrored = await Recogniser.load(source, { ...settings, mirrored: true });
  try {
    const [a, b] = await mirrored.embed([crops[1]!, mirrorImage(crops[1]!)]);
    const [single, flipped] = await recogniser.embed([crops[1]!, mirrorImage(crops[1]!)]);
    for (const [i, value] of a!.embedding.entries()) {
      expect(value).toBeCloseTo(b!.embedding[i]!, 5);
      const mean = (single!.embedding[i]! * single!.norm + flipped!.embedding[i]! * flipped!.norm) / 2;
      expect(value * a!.norm).toBeCloseTo(mean, 5);
    }
  } finally {
    await mirrored.release();
  }
});

test("the scale of pixels can be another", async () => {
  const raw = await Recogniser.load(source, { ...settings, pixelScale: { mean: 0, std: 255, order: "bgr" } });
  try {
    const [a] = await raw.embed([crops[0]!]);
    const [b] = await recogniser.embed([crops[0]!]);
    expect(cosine(a!.embedding, b!.embedding)).toBeLessThan(0.999);
  } finally {
    await raw.release();
  }
});

describe("refuses", () => {
  test("crops of another size", async () => {
    await expect(recogniser.embed([solidImage(111, 112, [0, 0, 0])])).rejects.toThrow(InputError);
  });

  test("a network that is no recogniser, and a file that is not there", async () => {
    await expect(Recogniser.load(fixture("face/scrfd-fixed.onnx"), settings)).rejects.toThrow(CheckpointError);
    await expect(Recogniser.load(fixture("face/none.onnx"), settings)).rejects.toThrow(InputError);
  });
});

test("crops whose eyes lie further left are moved before they are embedded", async () => {
  const embedder = await FaceEmbedder.load({ recogniser: source, aligned: "sphereface", ...settings });
  try {
    const left = solidImage(112, 112, [0, 0, 0]);
    pasteImage(left, cropImage(crops[0]!, 8, 0, 104, 112), 0, 0);
    const back = solidImage(112, 112, [0, 0, 0]);
    pasteImage(back, cropImage(crops[0]!, 8, 0, 104, 112), 8, 0);
    const [expected] = await recogniser.embed([back]);
    expect(cosine((await embedder.embed(left)).embedding, expected!.embedding)).toBeCloseTo(1, 6);
  } finally {
    await embedder.release();
  }
});

test("an embedder of aligned crops takes them as they are, and nothing else", async () => {
  const embedder = await FaceEmbedder.load({ recogniser: source, aligned: "arcface", ...settings });
  try {
    const made = await embedder.embed(crops[0]!);
    expect(cosine(made.embedding, (await recogniser.embed([crops[0]!]))[0]!.embedding)).toBeCloseTo(1, 6);
    expect([made.face, made.faceCount, made.quality.sizePx]).toEqual([undefined, 1, undefined]);
    await expect(embedder.embed(solidImage(200, 112, [0, 0, 0]))).rejects.toThrow("112x112");
    expect(embedder.files.map(({ name }) => name)).toEqual(["recogniser"]);
  } finally {
    await embedder.release();
  }
});
