import sharp from "sharp";
import { InputError } from "../errors.js";
import { type Image, rawPixels } from "./image.js";
import { readPngText, writePngText } from "./png-text.js";
import { syntheticMark, xmpKeyword } from "./synthetic-mark.js";

/** The keyword under which a PNG carries how it was made. */
const generationKeyword = "arc2face";

export interface PngOptions {
  /** How the image was made: anything that JSON can hold. Read back by `readGeneration`. */
  generation?: unknown;
  /**
   * Whether a model made the picture, which then says so in a way that other programs know (IPTC `DigitalSourceType`).
   * Default: whether `generation` is given; false is for crops of photos and the like.
   */
  isSynthetic?: boolean;
  /** Further texts for other programs, such as `Copyright`; keywords are printable ASCII. */
  texts?: Readonly<Record<string, string>>;
}

/** Encodes as an 8-bit RGB PNG, which carries the given texts. Equal input gives equal bytes. */
export async function encodePng(image: Image, options: PngOptions = {}): Promise<Uint8Array> {
  const png = await sharp(image.data, rawPixels(image)).png().toBuffer();
  const { generation, isSynthetic = generation !== undefined, texts } = options;
  return writePngText(png, {
    ...(isSynthetic && { [xmpKeyword]: syntheticMark }),
    ...(generation !== undefined && { Software: "arc2face", [generationKeyword]: JSON.stringify(generation) }),
    ...texts,
  });
}

/**
 * Encodes as JPEG, chroma at full size: halved chroma smears lips and eyes at 112 pixels.
 * @param quality 1 to 100
 */
export async function encodeJpeg(image: Image, quality = 95): Promise<Uint8Array> {
  return sharp(image.data, rawPixels(image)).jpeg({ quality, chromaSubsampling: "4:4:4" }).toBuffer();
}

/**
 * How a PNG of ours was made. The content is the file's word: check it (zod) before use.
 * @param png a PNG file
 * @returns the `generation` given to `encodePng`; undefined if the PNG carries none
 * @throws InputError if the file is no PNG, or the text is damaged, too large or not JSON
 */
export function readGeneration(png: Uint8Array): unknown {
  const text = readPngText(png).get(generationKeyword);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`The PNG's "${generationKeyword}" text is not JSON: it was not written by this program.`, {
      cause: error,
    });
  }
}
