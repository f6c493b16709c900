import { readFile, stat } from "node:fs/promises";
import sharp, { type Metadata } from "sharp";
import { InputError } from "../errors.js";
import { type Image, image, type Rgb } from "./image.js";

export interface DecodeOptions {
  /** What messages call the picture. Default: its path, or "the image" for bytes. */
  name?: string;
  /** Largest width x height that is decoded. Default 100 million (300 MB in memory). */
  maxPixels?: number;
  /** Smallest width and height that is accepted. Default 8: anything less (a tracking pixel) shows nothing. */
  minSidePx?: number;
  /** What shows through transparent pixels. Default white, as viewers and browsers show a cut-out portrait. */
  background?: Rgb;
}

/**
 * Pixel formats of photographs. SVG and PDF, which sharp may also open, are left out: they are programs more than
 * pictures, and may name other files. HEIC is in: it opens where libvips was built with an HEVC decoder.
 */
const photoFormats: ReadonlySet<string> = new Set(["jpeg", "png", "webp", "gif", "tiff", "heif", "jxl", "jp2", "ppm"]);

/** Larger files are videos or archives with the wrong name; no photograph within `maxPixels` is larger. */
const maxFileBytes = 2 ** 30;

/**
 * Decodes a photograph as people have them: turned by its EXIF orientation, its colour profile converted to sRGB
 * (CMYK, greyscale and 16 bits too), transparency laid over `background`, the first frame of an animation.
 * @param source path of a file, or a file's bytes
 * @throws InputError naming the picture and what to do, if it cannot be read, is no picture, is cut short, or is
 *   too small or too large
 */
export async function decodeImage(source: string | Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  const { maxPixels = 100e6, minSidePx = 8, background = [255, 255, 255] } = options;
  const name = options.name ?? (typeof source === "string" ? source : "the image");
  // Read here and not by libvips: it keeps files that it opened in a cache, and would miss a change on disk.
  const bytes = typeof source === "string" ? await readPhoto(source, name) : source;
  if (bytes.length === 0) throw new InputError(`${name}: the file is empty. Copy or download it again.`);

  const { format, compression, width, height } = await readHeader(bytes, name);
  if (!photoFormats.has(format)) {
    throw new InputError(`${name}: ${format.toUpperCase()} is not a photo. Export it as PNG or JPEG.`);
  }
  if (width * height > maxPixels) {
    throw new InputError(
      `${name}: ${width}x${height} pixels are ${millions(width * height)} million, more than the limit of ` +
        `${millions(maxPixels)} million. Shrink the image, or raise maxPixels.`,
    );
  }
  if (Math.min(width, height) < minSidePx) {
    throw new InputError(
      `${name}: ${width}x${height} pixels are too few. Give an image of at least ${minSidePx} pixels on each side.`,
    );
  }

  const [red, green, blue] = background;
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: false, failOn: "error", pages: 1 })
      .autoOrient()
      .flatten({ background: { r: red, g: green, b: blue } })
      .toColourspace("srgb")
      .raw()
      .toBuffer({ resolveWithObject: true });
    return image(info.width, info.height, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  } catch (error) {
    if (compression === "hevc") {
      throw new InputError(`${name}: HEIC photos cannot be read here. Export it as JPEG.`, { cause: error });
    }
    throw new InputError(
      `${name}: the ${format.toUpperCase()} data is damaged or cut short (${reason(error)}). ` +
        "Copy or download the file again, or open it in an image editor and save it anew.",
      { cause: error },
    );
  }
}

async function readPhoto(path: string, name: string): Promise<Uint8Array> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) throw new InputError(`${name}: this is a folder. Name an image file in it.`);
    if (info.size > maxFileBytes) {
      throw new InputError(`${name}: a file of ${Math.round(info.size / 2 ** 20)} MB is no photo. Name an image file.`);
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new InputError(
      missing ? `${name}: no such file. Check the path.` : `${name}: the file cannot be read (${reason(error)}).`,
      { cause: error },
    );
  }
}

async function readHeader(bytes: Uint8Array, name: string): Promise<Metadata> {
  try {
    return await sharp(bytes, { limitInputPixels: false, pages: 1 }).metadata();
  } catch (error) {
    throw new InputError(
      `${name}: not an image, damaged at its start, or in a format that cannot be read here. ` +
        "Give a JPEG, PNG, WebP, AVIF, GIF or TIFF (HEIC, from some phones: export it as JPEG).",
      { cause: error },
    );
  }
}

function millions(pixels: number): string {
  return (pixels / 1e6).toLocaleString("en", { maximumFractionDigits: 1 });
}

/** The first line of an error's message: libvips adds a line for each repetition. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n")[0]!.trim();
}
