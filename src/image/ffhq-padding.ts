import sharp from "sharp";
import type { Point } from "./affine.js";
import { bounds, moveSquare, type Region, type Square, surroundings } from "./ffhq-square.js";
import { type Image, image, type Rgb, rawPixels } from "./image.js";
import { reflectIndex } from "./warp.js";

interface Padding {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/**
 * Extends an image where a square leaves it: by its reflection, more and more blurred from the edge outwards, and then
 * fading to the median colour. An image that holds the square with a few pixels to spare is given back as it is.
 * Source: `recreate_aligned_images` of FFHQ's tools, its steps "crop" and "pad".
 * @throws InputError if the square covers nothing of the image
 */
export async function padFace(source: Image, square: Square): Promise<{ image: Image; square: Square }> {
  const margin = Math.max(Math.round(0.1 * square.sidePx), 3);
  const region = surroundings(source, square, margin);
  const inside = bounds(moveSquare(square, [region.leftPx, region.topPx]));
  const missing = [
    margin - inside.left,
    margin - inside.top,
    inside.right - region.widthPx + margin,
    inside.bottom - region.heightPx + margin,
  ];
  if (Math.max(...missing) <= margin - 4) return { image: source, square };

  const [left, top, right, bottom] = missing.map((px) => Math.max(px, Math.round(0.3 * square.sidePx)));
  const padding: Padding = { left: left!, top: top!, right: right!, bottom: bottom! };
  const origin: Point = [region.leftPx - padding.left, region.topPx - padding.top];
  const reflected = reflect(source, region, padding);
  return { image: await fade(reflected, padding, 0.02 * square.sidePx), square: moveSquare(square, origin) };
}

/** A region of an image with its reflection around it. */
function reflect(source: Image, region: Region, padding: Padding): Image {
  const widthPx = region.widthPx + padding.left + padding.right;
  const heightPx = region.heightPx + padding.top + padding.bottom;
  const columns = Int32Array.from(
    { length: widthPx },
    (_, x) => (region.leftPx + reflectIndex(x - padding.left, region.widthPx)) * 3,
  );
  const data = new Uint8Array(widthPx * heightPx * 3);
  let at = 0;
  for (let y = 0; y < heightPx; y++) {
    const row = (region.topPx + reflectIndex(y - padding.top, region.heightPx)) * source.widthPx * 3;
    for (const column of columns) {
      data[at++] = source.data[row + column]!;
      data[at++] = source.data[row + column + 1]!;
      data[at++] = source.data[row + column + 2]!;
    }
  }
  return image(widthPx, heightPx, data);
}

/**
 * With m from 0 at the picture's edge to 1 at the padding's outer edge (below 0 within the picture): first a share
 * clip(3 m + 1) of the blurred picture, then a share clip(m) of the median colour of the result.
 */
async function fade(picture: Image, padding: Padding, sigmaPx: number): Promise<Image> {
  const { data, widthPx, heightPx } = picture;
  const mask = fadeMask(widthPx, heightPx, padding);
  const blurred = await blur(picture, sigmaPx);
  const mixed = Float32Array.from(data);
  for (let pixel = 0, at = 0; pixel < mask.length; pixel++, at += 3) {
    const share = clip(3 * mask[pixel]! + 1);
    if (share === 0) continue;
    mixed[at]! += (blurred[at]! - data[at]!) * share;
    mixed[at + 1]! += (blurred[at + 1]! - data[at + 1]!) * share;
    mixed[at + 2]! += (blurred[at + 2]! - data[at + 2]!) * share;
  }
  const [red, green, blue] = medianColour(mixed);
  const output = data.slice();
  for (let pixel = 0, at = 0; pixel < mask.length; pixel++, at += 3) {
    if (mask[pixel]! <= -1 / 3) continue;
    const share = clip(mask[pixel]!);
    output[at] = mixed[at]! + (red - mixed[at]!) * share + 0.5;
    output[at + 1] = mixed[at + 1]! + (green - mixed[at + 1]!) * share + 0.5;
    output[at + 2] = mixed[at + 2]! + (blue - mixed[at + 2]!) * share + 0.5;
  }
  return image(widthPx, heightPx, output);
}

/** m of each pixel, float [heightPx, widthPx]: 1 minus its distance to the nearest outer edge, in paddings. */
function fadeMask(widthPx: number, heightPx: number, padding: Padding): Float32Array {
  const inside = (lengthPx: number, before: number, after: number) =>
    Float32Array.from({ length: lengthPx }, (_, i) => Math.min(i / before, (lengthPx - 1 - i) / after));
  const columns = inside(widthPx, padding.left, padding.right);
  const rows = inside(heightPx, padding.top, padding.bottom);
  const mask = new Float32Array(widthPx * heightPx);
  let pixel = 0;
  for (const row of rows) {
    for (const column of columns) mask[pixel++] = 1 - Math.min(column, row);
  }
  return mask;
}

/** Gaussian blur. Below the least that libvips blurs by (0.3 pixels) it would be invisible, and is left out. */
async function blur(picture: Image, sigmaPx: number): Promise<Uint8Array> {
  if (sigmaPx < 0.3) return picture.data;
  return sharp(picture.data, rawPixels(picture)).blur({ sigma: sigmaPx, minAmplitude: 0.01 }).raw().toBuffer();
}

function clip(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}

/** Median of each channel, to the nearest whole number. */
function medianColour(pixels: Float32Array): Rgb {
  const counts = new Uint32Array(3 * 256);
  for (let at = 0; at < pixels.length; at += 3) {
    counts[(pixels[at]! + 0.5) | 0]!++;
    counts[((pixels[at + 1]! + 0.5) | 0) + 256]!++;
    counts[((pixels[at + 2]! + 0.5) | 0) + 512]!++;
  }
  const medianOf = (channel: number) => {
    let value = 0;
    let below = counts[256 * channel]!;
    while (below * 6 < pixels.length) below += counts[256 * channel + ++value]!;
    return value;
  };
  return [medianOf(0), medianOf(1), medianOf(2)];
}
