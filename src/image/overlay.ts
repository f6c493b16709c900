import sharp from "sharp";
import { type Image, image, rawPixels } from "./image.js";
import { svgDocument } from "./svg.js";

/**
 * Draws SVG elements of our own making over an image.
 * @param elements (0, 0) is the outer corner of the top left pixel, one unit a pixel
 */
export async function overlaySvg(source: Image, elements: readonly string[]): Promise<Image> {
  const data = await sharp(source.data, rawPixels(source))
    .composite([{ input: Buffer.from(svgDocument(source.widthPx, source.heightPx, elements)) }])
    .removeAlpha()
    .raw()
    .toBuffer();
  return image(source.widthPx, source.heightPx, data);
}
