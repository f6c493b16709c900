import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hollowPng } from "../../test/support/png.js";
import { InputError } from "../errors.js";
import { decodeImage } from "./decode.js";
import type { Image } from "./image.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "decode-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** 12 wide, 9 high: a red top left quarter on blue. */
function flag(channels: 3 | 4 = 3, alpha = 255) {
  const data = new Uint8Array(12 * 9 * channels);
  for (let y = 0; y < 9; y++) {
    for (let x = 0; x < 12; x++) {
      const red = x < 6 && y < 4;
      data.set(red ? [200, 10, 20] : [10, 20, 200], (y * 12 + x) * channels);
      if (channels === 4) data[(y * 12 + x) * 4 + 3] = alpha;
    }
  }
  return sharp(data, { raw: { width: 12, height: 9, channels } });
}

function pixel({ data, widthPx }: Image, x: number, y: number): number[] {
  return [...data.subarray((y * widthPx + x) * 3, (y * widthPx + x) * 3 + 3)];
}

function expectNear(actual: number[], expected: number[], tolerance: number): void {
  for (const [i, value] of expected.entries()) expect(Math.abs(actual[i]! - value)).toBeLessThanOrEqual(tolerance);
}

async function failure(source: string | Uint8Array, options = {}): Promise<string> {
  const error = await decodeImage(source, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as Error).message;
}

describe("decodes to 8-bit sRGB", () => {
  test("a PNG, exactly, from bytes and from a path", async () => {
    const png = await flag().png().toBuffer();
    const path = join(folder, "flag.png");
    await writeFile(path, png);
    for (const source of [png, path]) {
      const decoded = await decodeImage(source);
      expect([decoded.widthPx, decoded.heightPx, decoded.data.length]).toEqual([12, 9, 12 * 9 * 3]);
      expect(pixel(decoded, 5, 3)).toEqual([200, 10, 20]);
      expect(pixel(decoded, 6, 3)).toEqual([10, 20, 200]);
      expect(pixel(decoded, 5, 4)).toEqual([10, 20, 200]);
    }
  });

  test("a file that changed on disk is read anew", async () => {
    const path = join(folder, "changing.png");
    await writeFile(path, await flag().png().toBuffer());
    await decodeImage(path);
    await writeFile(path, await flag().negate().png().toBuffer());
    expect(pixel(await decodeImage(path), 0, 0)).toEqual([55, 245, 235]);
  });

  test.each([
    { orientation: 3, size: [12, 9], red: [11, 8] },
    { orientation: 6, size: [9, 12], red: [8, 0] },
    { orientation: 8, size: [9, 12], red: [0, 11] },
    { orientation: 2, size: [12, 9], red: [11, 0] },
  ])("EXIF orientation $orientation", async ({ orientation, size, red }) => {
    const decoded = await decodeImage(await flag().withMetadata({ orientation }).png().toBuffer());
    expect([decoded.widthPx, decoded.heightPx]).toEqual(size);
    expect(pixel(decoded, red[0]!, red[1]!)).toEqual([200, 10, 20]);
  });

  test("a Display P3 file: the colours that were meant, not its numbers", async () => {
    const p3 = await flag().withIccProfile("p3").png().toBuffer();
    const numbers = await sharp(p3, { ignoreIcc: true }).raw().toBuffer();
    expect(numbers[0]).toBeLessThan(190);
    expectNear(pixel(await decodeImage(p3), 0, 0), [200, 10, 20], 2);
  });

  test("CMYK", async () => {
    const grey = sharp({ create: { width: 10, height: 9, channels: 3, background: { r: 150, g: 120, b: 100 } } });
    const cmyk = await grey.toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(cmyk).metadata()).channels).toBe(4);
    // There and back through a press's profile and 8-bit ink; without the profile, inks are off by 30 and more.
    expectNear(pixel(await decodeImage(cmyk), 4, 4), [150, 120, 100], 12);
  });

  test("16 bits: the high byte of each channel", async () => {
    const samples = Uint16Array.from({ length: 10 * 9 * 3 }, (_, i) => [0x8000, 0x4000, 0xffff][i % 3]!);
    const png = await sharp(samples, { raw: { width: 10, height: 9, channels: 3 } })
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    expect((await sharp(png).metadata()).depth).toBe("ushort");
    expect(pixel(await decodeImage(png), 3, 2)).toEqual([128, 64, 255]);
  });

  test("greyscale, with 8 and with 16 bits", async () => {
    const grey = await sharp(new Uint8Array(90).fill(77), { raw: { width: 10, height: 9, channels: 1 } })
      .toColourspace("b-w")
      .png()
      .toBuffer();
    expect(pixel(await decodeImage(grey), 9, 8)).toEqual([77, 77, 77]);
    const deep = await sharp(new Uint16Array(90).fill(0x4d00), { raw: { width: 10, height: 9, channels: 1 } })
      .toColourspace("grey16")
      .png()
      .toBuffer();
    expect(pixel(await decodeImage(deep), 9, 8)).toEqual([77, 77, 77]);
  });

  test("transparency shows white, or the given background", async () => {
    const clear = await flag(4, 0).png().toBuffer();
    expect(pixel(await decodeImage(clear), 0, 0)).toEqual([255, 255, 255]);
    expect(pixel(await decodeImage(clear, { background: [1, 2, 3] }), 0, 0)).toEqual([1, 2, 3]);
    const half = await flag(4, 127).png().toBuffer();
    expectNear(pixel(await decodeImage(half), 0, 0), [228, 133, 138], 1);
  });

  test("the first frame of an animation", async () => {
    const frames = new Uint8Array(10 * 27 * 3);
    for (let y = 0; y < 27; y++) frames.fill([250, 120, 5][Math.floor(y / 9)]!, y * 30, (y + 1) * 30);
    const gif = await sharp(frames, { raw: { width: 10, height: 27, channels: 3, pageHeight: 9 } })
      .gif({ loop: 0, delay: [50, 50, 50] })
      .toBuffer();
    expect((await sharp(gif, { animated: true }).metadata()).pages).toBe(3);
    const decoded = await decodeImage(gif);
    expect([decoded.widthPx, decoded.heightPx]).toEqual([10, 9]);
    expectNear(pixel(decoded, 0, 0), [250, 250, 250], 4);
    expectNear(pixel(decoded, 9, 8), [250, 250, 250], 4);
  });

  test.each(["webp", "avif", "tiff"] as const)("%s", async (format) => {
    const bytes = await sharp({ create: { width: 20, height: 17, channels: 3, background: "#c80a14" } })
      .toFormat(format, { quality: 100 })
      .toBuffer();
    expectNear(pixel(await decodeImage(bytes), 3, 3), [200, 10, 20], 3);
  });
});

describe("refuses, naming the picture and what to do", () => {
  test("a missing file, a folder, an empty file", async () => {
    const missing = join(folder, "nobody.jpg");
    expect(await failure(missing)).toBe(`${missing}: no such file. Check the path.`);
    expect(await failure(folder)).toContain("this is a folder");
    const empty = join(folder, "empty.jpg");
    await writeFile(empty, "");
    expect(await failure(empty)).toContain(`${empty}: the file is empty`);
  });

  test("a text file named .jpg", async () => {
    const path = join(folder, "letter.jpg");
    await writeFile(path, "Dear Sir or Madam, please find enclosed no photo.");
    expect(await failure(path)).toContain(`${path}: not an image`);
  });

  test("an SVG", async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><image href="/etc/passwd"/></svg>';
    expect(await failure(Buffer.from(svg), { name: "logo.svg" })).toBe(
      "logo.svg: SVG is not a photo. Export it as PNG or JPEG.",
    );
  });

  test("a 1x1 image, and less than the given side", async () => {
    const dot = await sharp({ create: { width: 1, height: 1, channels: 3, background: "red" } })
      .png()
      .toBuffer();
    expect(await failure(dot, { name: "dot.png" })).toContain("dot.png: 1x1 pixels are too few");
    expect(await failure(await flag().png().toBuffer(), { minSidePx: 10 })).toContain("at least 10 pixels");
  });

  test.each(["jpeg", "png", "avif"] as const)("a truncated %s", async (format) => {
    const noise = Uint8Array.from({ length: 64 * 48 * 3 }, (_, i) => (i * 7919) % 251);
    const whole = await sharp(noise, { raw: { width: 64, height: 48, channels: 3 } })
      .toFormat(format)
      .toBuffer();
    await decodeImage(whole);
    const message = await failure(whole.subarray(0, whole.length * 0.8), { name: "cut.img" });
    expect(message).toMatch(/^cut\.img: .*(damaged|cut short).*again/);
  });

  test("more pixels than the limit, by the header alone", async () => {
    expect(await failure(hollowPng(30_000), { name: "huge.png" })).toBe(
      "huge.png: 30000x30000 pixels are 900 million, more than the limit of 100 million. " +
        "Shrink the image, or raise maxPixels.",
    );
    expect(await failure(await flag().png().toBuffer(), { maxPixels: 100 })).toContain("12x9 pixels");
  });
});
