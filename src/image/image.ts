import { InputError } from "../errors.js";

/** An 8-bit sRGB picture without alpha: rows from the top, pixels from the left, R G B. */
export interface Image {
  /** uint8 [heightPx, widthPx, 3] */
  readonly data: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** A colour as R, G, B, each 0 to 255. */
export type Rgb = readonly [number, number, number];

/**
 * Wraps pixels as an image without copying.
 * @param data uint8 [heightPx, widthPx, 3]
 * @throws InputError if the sizes are not positive integers, or do not fit the data
 */
export function image(widthPx: number, heightPx: number, data: Uint8Array): Image {
  if (!Number.isInteger(widthPx) || !Number.isInteger(heightPx) || widthPx < 1 || heightPx < 1) {
    throw new InputError(`An image needs a width and a height of at least 1 pixel; these are ${widthPx}x${heightPx}.`);
  }
  if (data.length !== widthPx * heightPx * 3) {
    throw new InputError(
      `${data.length} bytes do not make an RGB image of ${widthPx}x${heightPx}: ${widthPx * heightPx * 3} are needed.`,
    );
  }
  return { data, widthPx, heightPx };
}

/** An image of one colour. */
export function solidImage(widthPx: number, heightPx: number, [red, green, blue]: Rgb): Image {
  const data = new Uint8Array(widthPx * heightPx * 3);
  data.set([red, green, blue]);
  // Each copy doubles what is filled.
  for (let filled = 3; filled < data.length; filled *= 2) data.copyWithin(filled, 0, filled);
  return image(widthPx, heightPx, data);
}

/** The image as a mirror shows it. */
export function mirrorImage({ data, widthPx, heightPx }: Image): Image {
  const mirrored = new Uint8Array(data.length);
  const last = 3 * (widthPx - 1);
  for (let row = 0; row < data.length; row += 3 * widthPx) {
    for (let x = 0; x <= last; x += 3) {
      mirrored[row + last - x] = data[row + x]!;
      mirrored[row + last - x + 1] = data[row + x + 1]!;
      mirrored[row + last - x + 2] = data[row + x + 2]!;
    }
  }
  return { data: mirrored, widthPx, heightPx };
}

/** sharp's description of an `Image`'s bytes. */
export function rawPixels({ widthPx, heightPx }: Image) {
  return { raw: { width: widthPx, height: heightPx, channels: 3 } } as const;
}
