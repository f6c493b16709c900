import { type Image, type Rgb, solidImage } from "../image/image.js";
import { resizeImage } from "../image/resize.js";

/** An image inside a frame of another shape. */
export interface Letterbox {
  readonly image: Image;
  /** Pixels of the frame for each pixel of the source. */
  readonly scale: number;
}

/**
 * Scales an image to just fit into the top left of a frame, its proportions kept.
 * @param background colour of the rest of the frame
 */
export async function letterbox(source: Image, widthPx: number, heightPx: number, background: Rgb): Promise<Letterbox> {
  const scale = Math.min(widthPx / source.widthPx, heightPx / source.heightPx);
  const innerWidth = Math.max(1, Math.floor(source.widthPx * scale));
  const innerHeight = Math.max(1, Math.floor(source.heightPx * scale));
  const inner =
    innerWidth === source.widthPx && innerHeight === source.heightPx
      ? source
      : await resizeImage(source, innerWidth, innerHeight);
  if (innerWidth === widthPx && innerHeight === heightPx) return { image: inner, scale };
  const frame = solidImage(widthPx, heightPx, background);
  pasteImage(frame, inner, 0, 0);
  return { image: frame, scale };
}

/** Copies an image into a larger one. */
export function pasteImage(into: Image, source: Image, left: number, top: number): void {
  for (let y = 0; y < source.heightPx; y++) {
    const row = source.data.subarray(3 * y * source.widthPx, 3 * (y + 1) * source.widthPx);
    into.data.set(row, 3 * ((top + y) * into.widthPx + left));
  }
}

/** A part of an image, which lies within it. */
export function cropImage(source: Image, left: number, top: number, widthPx: number, heightPx: number): Image {
  const data = new Uint8Array(3 * widthPx * heightPx);
  for (let y = 0; y < heightPx; y++) {
    const start = 3 * ((top + y) * source.widthPx + left);
    data.set(source.data.subarray(start, start + 3 * widthPx), 3 * y * widthPx);
  }
  return { data, widthPx, heightPx };
}
