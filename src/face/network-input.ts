import { ShapeError } from "../errors.js";
import type { Image } from "../image/image.js";
import { f32, type Tensor } from "../tensor/tensor.js";

/** What a network was trained with: (value - mean) / std of each 8-bit channel, in this order of channels. */
export interface PixelScale {
  readonly mean: number;
  readonly std: number;
  /** Default `rgb`. */
  readonly order?: "rgb" | "bgr";
}

/**
 * Images of one size as a network takes them.
 * @returns float32 [N, 3, heightPx, widthPx]
 * @throws ShapeError if the sizes differ
 */
export function packRgb(images: readonly Image[], { mean, std, order = "rgb" }: PixelScale): Tensor<"f32"> {
  const { widthPx = 0, heightPx = 0 } = images[0] ?? {};
  const plane = widthPx * heightPx;
  const packed = new Float32Array(3 * plane * images.length);
  const [red, blue] = order === "rgb" ? [0, 2 * plane] : [2 * plane, 0];
  // One division for each of the 256 values, not for each pixel.
  const scaled = new Float32Array(256);
  for (let value = 0; value < 256; value++) scaled[value] = (value - mean) / std;
  for (const [n, { data, ...size }] of images.entries()) {
    if (size.widthPx !== widthPx || size.heightPx !== heightPx) {
      throw new ShapeError(`packRgb: ${size.widthPx}x${size.heightPx} beside ${widthPx}x${heightPx} pixels`);
    }
    const start = 3 * n * plane;
    for (let i = start, at = 0; i < start + plane; i++, at += 3) {
      packed[i + red] = scaled[data[at]!]!;
      packed[i + plane] = scaled[data[at + 1]!]!;
      packed[i + blue] = scaled[data[at + 2]!]!;
    }
  }
  return f32([images.length, 3, heightPx, widthPx], packed);
}

/**
 * Brightness of an image (ITU-R BT.601 luma, as OpenCV's conversion to grey).
 * @returns 0 to 255, float32 [heightPx, widthPx]
 */
export function luma({ data, widthPx, heightPx }: Image): Float32Array {
  const grey = new Float32Array(widthPx * heightPx);
  for (let i = 0, at = 0; i < grey.length; i++, at += 3) {
    grey[i] = 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;
  }
  return grey;
}
