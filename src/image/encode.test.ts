import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { insertChunk, pngChunk } from "../../test/support/png.js";
import { InputError } from "../errors.js";
import { decodeImage } from "./decode.js";
import { encodeJpeg, encodePng, readGeneration } from "./encode.js";
import { image } from "./image.js";
import { readPngText, writePngText } from "./png-text.js";

const picture = image(
  13,
  9,
  Uint8Array.from({ length: 13 * 9 * 3 }, (_, i) => (i * 31) % 256),
);

describe("encodePng", () => {
  test("keeps every pixel", async () => {
    expect(await decodeImage(await encodePng(picture))).toEqual(picture);
  });

  test("carries how the image was made, in any script", async () => {
    const generation = { seed: 0, sampler: "dpmpp-2m", note: "Zoë 顔 🙂", guidanceScale: 3 };
    const png = await encodePng(picture, { generation });
    expect(readGeneration(png)).toEqual(generation);
    expect(readPngText(png).get("Software")).toBe("arc2face");
    expect(await decodeImage(png)).toEqual(picture);
  });

  test("a generated image says that a model made it, as IPTC has it; a crop of a photo does not", async () => {
    const png = await encodePng(picture, { generation: { seed: 1 }, texts: { Copyright: "nobody" } });
    const { xmpAsString = "" } = await sharp(png).metadata();
    expect(xmpAsString).toContain(
      "<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia<",
    );
    expect(xmpAsString.startsWith('<?xpacket begin="\uFEFF" id=')).toBe(true);
    // Other chunks are not where XMP is looked for.
    expect(Buffer.from(png).includes("iTXtXML:com.adobe.xmp\0\0\0\0\0")).toBe(true);
    expect((await sharp(await encodePng(picture, { isSynthetic: true })).metadata()).xmp).toBeDefined();
    for (const options of [{}, { generation: { aligned: true }, isSynthetic: false }]) {
      expect((await sharp(await encodePng(picture, options)).metadata()).xmp).toBeUndefined();
    }
  });

  test("gives the same bytes for the same input", async () => {
    const options = { generation: { seed: 1 } };
    expect(await encodePng(picture, options)).toEqual(await encodePng(picture, options));
  });

  test("a PNG without our text has no generation; one that is not JSON is refused", async () => {
    expect(readGeneration(await encodePng(picture))).toBeUndefined();
    const png = await encodePng(picture, { texts: { arc2face: "{seed: 1" } });
    expect(() => readGeneration(png)).toThrow(InputError);
  });
});

test("encodeJpeg keeps colours where they are", async () => {
  const stripes = image(
    16,
    16,
    Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (Math.floor(i / 3) % 2 ? [220, 30, 40] : [20, 30, 240])[i % 3]!),
  );
  const decoded = await decodeImage(await encodeJpeg(stripes));
  for (const [i, value] of stripes.data.entries()) expect(Math.abs(decoded.data[i]! - value)).toBeLessThan(24);
});

describe("PNG texts", () => {
  test("libvips reads what we write, and we what it writes", async () => {
    const png = writePngText(await encodePng(picture), { Title: "plain", Author: "Müller" });
    const comments = (await sharp(png).metadata()).comments ?? [];
    expect(comments).toContainEqual(expect.objectContaining({ keyword: "Title", text: "plain" }));
    expect(comments).toContainEqual(expect.objectContaining({ keyword: "Author", text: "Müller" }));
  });

  test("a text is replaced, others stay", async () => {
    const first = writePngText(await encodePng(picture), { a: "1", b: "2" });
    const second = writePngText(first, { a: "3" });
    expect(readPngText(second)).toEqual(
      new Map([
        ["a", "3"],
        ["b", "2"],
      ]),
    );
  });

  test.each(["", " lead", "trail ", "naïve", "x".repeat(80)])("keyword %j is refused", async (keyword) => {
    const png = await encodePng(picture);
    expect(() => writePngText(png, { [keyword]: "text" })).toThrow(InputError);
  });

  test("a NUL in a text is refused", async () => {
    const png = await encodePng(picture);
    expect(() => writePngText(png, { key: "a\0b" })).toThrow("NUL");
  });

  test("a changed byte of a text is noticed", async () => {
    const png = Uint8Array.from(await encodePng(picture, { texts: { key: "abcdef" } }));
    png[Buffer.from(png).indexOf("abcdef")] = 0x41;
    expect(() => readPngText(png)).toThrow("damaged");
  });

  test("what is not PNG, and a cut PNG", async () => {
    expect(() => readPngText(new Uint8Array(100))).toThrow("not a PNG");
    const png = await encodePng(picture);
    expect(() => readPngText(png.subarray(0, png.length - 5))).toThrow("cut short");
  });

  test("compressed texts are read", async () => {
    const text = "long ".repeat(1000);
    const png = insertChunk(
      await encodePng(picture),
      pngChunk("zTXt", Buffer.concat([Buffer.from("parameters\0\0"), deflateSync(text)])),
    );
    expect(readPngText(png).get("parameters")).toBe(text);
  });

  test("a text that would inflate past the limit is refused before it is inflated", async () => {
    const bomb = deflateSync(Buffer.alloc(64 * 2 ** 20));
    const png = insertChunk(
      await encodePng(picture),
      pngChunk("iTXt", Buffer.concat([Buffer.from("bomb\0\x01\0\0\0"), bomb])),
    );
    expect(() => readPngText(png)).toThrow(InputError);
  });

  test("many texts together are bounded", async () => {
    const texts = Object.fromEntries([1, 2, 3].map((i) => [`text ${i}`, "x".repeat(400)]));
    const png = await encodePng(picture, { texts });
    expect(readPngText(png).size).toBe(3);
    expect(() => readPngText(png, { maxTotalBytes: 1000 })).toThrow("larger than");
    expect(() => readPngText(png, { maxTextBytes: 399 })).toThrow("larger than");
  });
});
