import { type Affine, invertAffine } from "./affine.js";
import { type Image, image } from "./image.js";

/**
 * Bilinear samples overlap, so they may lie a little more than a pixel apart. A portrait shrunk 3 and 6.9 times agrees
 * with OpenCV's INTER_AREA at 57 and 58 dB; at spacing 1 (a third slower) at 57 and 61, at 2 at 57 and 52, without
 * antialiasing at 33 and 30.
 */
const maxSpacingPx = 1.25;

/** Bounds the work on landmarks gone wild: a 100 megapixel image shrunk to one face crop needs 72. */
const maxSamplesPerSide = 128;

export interface WarpOptions {
  widthPx: number;
  heightPx: number;
  /** Beyond the image: black ("constant", default), or the image mirrored about its outermost pixels ("reflect"). */
  border?: "constant" | "reflect";
  /**
   * Average over the area that an output pixel covers where the map shrinks. Default true. False samples one point, as
   * OpenCV's warpAffine does.
   */
  antialias?: boolean;
}

/**
 * Warps an image by inverse mapping with bilinear sampling.
 *
 * Where the map shrinks by s > 1, an output pixel is the mean of bilinear samples over a box of side sqrt(s² − 1)
 * source pixels. The side is chosen so that the result is continuous in s: plain bilinear sampling at s = 1, the area
 * average for large s.
 * @param source the image
 * @param matrix maps source pixels to output pixels
 * @returns an image of `widthPx` x `heightPx`
 * @throws InputError if the matrix cannot be inverted
 */
export function warpAffine(source: Image, matrix: Affine, options: WarpOptions): Image {
  const { widthPx, heightPx, border = "constant", antialias = true } = options;
  const [a, b, c, d, e, f] = invertAffine(matrix);
  const { data, widthPx: width, heightPx: height } = source;
  const output = new Uint8Array(widthPx * heightPx * 3);
  const { dx, dy } = antialias ? footprint(a, d, b, e) : { dx: Float64Array.of(0), dy: Float64Array.of(0) };
  const samples = dx.length;
  const share = 1 / samples;
  const reachX = Math.max(...dx);
  const reachY = Math.max(...dy);
  const beyond = border === "reflect" ? reflectIndex : outside;
  const edge = new Float64Array(3);
  const row = 3 * width;
  let at = 0;
  for (let v = 0; v < heightPx; v++) {
    for (let u = 0; u < widthPx; u++) {
      const centreX = a * u + b * v + c;
      const centreY = d * u + e * v + f;
      let red = 0;
      let green = 0;
      let blue = 0;
      // Samples stay within `reach` of the centre, so one test decides for all of them.
      if (centreX >= reachX && centreY >= reachY && centreX < width - 1 - reachX && centreY < height - 1 - reachY) {
        for (let k = 0; k < samples; k++) {
          const x = centreX + dx[k]!;
          const y = centreY + dy[k]!;
          const left = x | 0;
          const top = y | 0;
          const right = x - left;
          const below = y - top;
          const w11 = right * below;
          const w10 = right - w11;
          const w01 = below - w11;
          const w00 = 1 - right - w01;
          const p = top * row + 3 * left;
          const q = p + row;
          red += w00 * data[p]! + w10 * data[p + 3]! + w01 * data[q]! + w11 * data[q + 3]!;
          green += w00 * data[p + 1]! + w10 * data[p + 4]! + w01 * data[q + 1]! + w11 * data[q + 4]!;
          blue += w00 * data[p + 2]! + w10 * data[p + 5]! + w01 * data[q + 2]! + w11 * data[q + 5]!;
        }
      } else {
        for (let k = 0; k < samples; k++) {
          sampleEdge(source, centreX + dx[k]!, centreY + dy[k]!, beyond, edge);
          red += edge[0]!;
          green += edge[1]!;
          blue += edge[2]!;
        }
      }
      output[at++] = red * share + 0.5;
      output[at++] = green * share + 0.5;
      output[at++] = blue * share + 0.5;
    }
  }
  return image(widthPx, heightPx, output);
}

/**
 * Offsets in source pixels of the samples that an output pixel averages.
 * @param ux, uy the step in the source for one output pixel to the right
 * @param vx, vy the same for one output pixel down
 */
function footprint(ux: number, uy: number, vx: number, vy: number): { dx: Float64Array; dy: Float64Array } {
  const along = boxOffsets(Math.hypot(ux, uy));
  const across = boxOffsets(Math.hypot(vx, vy));
  const dx = new Float64Array(along.length * across.length);
  const dy = new Float64Array(dx.length);
  let k = 0;
  for (const v of across) {
    for (const u of along) {
      dx[k] = ux * u + vx * v;
      dy[k++] = uy * u + vy * v;
    }
  }
  return { dx, dy };
}

/** Offsets in output pixels, evenly over a box of side sqrt(scale² − 1) source pixels. */
function boxOffsets(scale: number): number[] {
  const sidePx = Math.sqrt(Math.max(0, scale * scale - 1));
  // Below a twentieth of a pixel the box changes nothing; above it, at least two samples make it a box.
  const count = sidePx < 0.05 ? 1 : Math.min(maxSamplesPerSide, Math.max(2, Math.ceil(sidePx / maxSpacingPx)));
  return Array.from({ length: count }, (_, k) => (((k + 0.5) / count - 0.5) * sidePx) / scale);
}

/** Bilinear sample at any place, with pixels beyond the image. */
function sampleEdge(
  { data, widthPx, heightPx }: Image,
  x: number,
  y: number,
  beyond: (index: number, size: number) => number,
  result: Float64Array,
): void {
  const left = Math.floor(x);
  const top = Math.floor(y);
  result.fill(0);
  for (let j = 0; j < 2; j++) {
    const row = beyond(top + j, heightPx);
    const rowWeight = j === 1 ? y - top : top + 1 - y;
    for (let i = 0; i < 2; i++) {
      const column = beyond(left + i, widthPx);
      if (column < 0 || row < 0) continue; // black
      const weight = rowWeight * (i === 1 ? x - left : left + 1 - x);
      const p = (row * widthPx + column) * 3;
      for (let channel = 0; channel < 3; channel++) result[channel]! += weight * data[p + channel]!;
    }
  }
}

/** The index itself, or -1 outside of the image. */
function outside(index: number, size: number): number {
  return index >= 0 && index < size ? index : -1;
}

/** Mirrors an index about the first and the last pixel, which are not repeated: …2 1 0 1 2… (numpy's "reflect"). */
export function reflectIndex(index: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const phase = ((index % period) + period) % period;
  return phase < size ? phase : period - phase;
}
