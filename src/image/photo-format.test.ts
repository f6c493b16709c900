import sharp from "sharp";
import { expect, test } from "vitest";
import { encodeNpy } from "../tensor/npy.js";
import { f32 } from "../tensor/tensor.js";
import { isPhoto } from "./photo-format.js";

test.each(["jpeg", "png", "webp", "gif", "tiff", "avif"] as const)("%s is a photo", async (format) => {
  const bytes = await sharp({ create: { width: 9, height: 8, channels: 3, background: "red" } })
    .toFormat(format)
    .toBuffer();
  expect(isPhoto(bytes)).toBe(true);
});

test("embeddings and other files are none", () => {
  const texts = ['{"embedding": [1, 2]}', "[0.5, 0.25]", "", "\ufeff[1]", "RIFF and more text"];
  for (const text of texts) expect(isPhoto(Buffer.from(text))).toBe(false);
  expect(isPhoto(encodeNpy(f32([2], [1, 2])))).toBe(false);
});
