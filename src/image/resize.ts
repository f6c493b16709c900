import sharp from "sharp";
import { type Image, image, rawPixels } from "./image.js";

/**
 * Resizes by a Lanczos-3 filter, which is widened to cover all pixels when it shrinks.
 * @returns an image of `widthPx` x `heightPx`; proportions are kept only if they are given so
 */
export async function resizeImage(source: Image, widthPx: number, heightPx: number): Promise<Image> {
  const data = await sharp(source.data, rawPixels(source))
    .resize(widthPx, heightPx, { fit: "fill", kernel: "lanczos3" })
    .raw()
    .toBuffer();
  return image(widthPx, heightPx, data);
}
