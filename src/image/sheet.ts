import sharp from "sharp";
import { InputError } from "../errors.js";
import { type Image, image, type Rgb, rawPixels, solidImage } from "./image.js";
import { resizeImage } from "./resize.js";
import { element, escapeXml, svgDocument } from "./svg.js";

export interface SheetEntry {
  image: Image;
  /** One line below the image; what does not fit in smaller letters is left out of its middle, since names differ at their ends. */
  caption?: string;
}

export interface SheetOptions {
  /** Default: the sheet is about as wide as high. */
  columns?: number;
  /** Side of the square that each image is fitted into. Default: the longest side of any image; 512 at most. */
  cellPx?: number;
  /** Between the cells and around them. Default 8. */
  gutterPx?: number;
  /** Default white. Captions are black on a light background, else white. */
  background?: Rgb;
}

const captionSizePx = 13;
const leastCaptionSizePx = 10;
const captionHeightPx = 20;
/** Of common sans-serif fonts, the mean width of a character in heights. */
const characterWidth = 0.56;

/**
 * A contact sheet: images in rows, from the top left, each shrunk or enlarged to fit its cell and centred in it.
 * @throws InputError if there are no images, an option is out of range, or the sheet would exceed 100 megapixels
 */
export async function contactSheet(entries: readonly SheetEntry[], options: SheetOptions = {}): Promise<Image> {
  if (entries.length === 0) throw new InputError("A contact sheet needs at least one image.");
  const longestPx = Math.max(...entries.map(({ image }) => Math.max(image.widthPx, image.heightPx)));
  const { gutterPx = 8, background = [255, 255, 255] } = options;
  const { cellPx = Math.min(512, longestPx), columns = Math.ceil(Math.sqrt(entries.length)) } = options;
  for (const [name, value, least] of [["columns", columns, 1] as const, ["cellPx", cellPx, 8] as const]) {
    if (!Number.isInteger(value) || value < least) {
      throw new InputError(`A contact sheet's ${name} must be a whole number of at least ${least}, not ${value}.`);
    }
  }

  const rowPx = cellPx + (entries.some(({ caption }) => caption) ? captionHeightPx : 0);
  const usedColumns = Math.min(columns, entries.length);
  const widthPx = gutterPx + usedColumns * (cellPx + gutterPx);
  const heightPx = gutterPx + Math.ceil(entries.length / usedColumns) * (rowPx + gutterPx);
  if (widthPx * heightPx > 100e6) {
    throw new InputError(`The contact sheet would be ${widthPx}x${heightPx}: give fewer images or a smaller cellPx.`);
  }
  const place = (index: number) => ({
    left: gutterPx + (index % usedColumns) * (cellPx + gutterPx),
    top: gutterPx + Math.floor(index / usedColumns) * (rowPx + gutterPx),
  });

  const sheet = solidImage(widthPx, heightPx, background);
  const captions: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const { left, top } = place(index);
    const fitted = await fitIntoCell(entry.image, cellPx);
    paste(sheet, fitted, left + ((cellPx - fitted.widthPx) >> 1), top + ((cellPx - fitted.heightPx) >> 1));
    if (entry.caption) captions.push(captionText(entry.caption, left, top + cellPx, cellPx, background));
  }
  return captions.length === 0 ? sheet : overlay(sheet, svgDocument(widthPx, heightPx, captions));
}

async function fitIntoCell(source: Image, cellPx: number): Promise<Image> {
  const scale = cellPx / Math.max(source.widthPx, source.heightPx);
  if (scale === 1) return source;
  const scaled = (px: number) => Math.max(1, Math.round(px * scale));
  return resizeImage(source, scaled(source.widthPx), scaled(source.heightPx));
}

function paste(sheet: Image, source: Image, left: number, top: number): void {
  const rowBytes = source.widthPx * 3;
  for (let y = 0; y < source.heightPx; y++) {
    const row = source.data.subarray(y * rowBytes, (y + 1) * rowBytes);
    sheet.data.set(row, ((top + y) * sheet.widthPx + left) * 3);
  }
}

function captionText(caption: string, left: number, top: number, widthPx: number, [r, g, b]: Rgb): string {
  const characters = [...caption];
  const fittingPx = widthPx / (characters.length * characterWidth);
  const sizePx = Math.max(leastCaptionSizePx, Math.min(captionSizePx, fittingPx));
  const kept = Math.max(0, Math.floor(widthPx / (sizePx * characterWidth)) - 1);
  const first = Math.ceil(kept / 2);
  const isCut = fittingPx < leastCaptionSizePx;
  const shown = isCut
    ? [...characters.slice(0, first), "…", ...characters.slice(characters.length - (kept - first))].join("")
    : caption;
  const light = 0.299 * r + 0.587 * g + 0.114 * b > 127;
  const attributes = {
    x: left + widthPx / 2,
    y: top + captionHeightPx - 5,
    "text-anchor": "middle",
    "font-size": Number(sizePx.toFixed(1)),
    fill: light ? "#1a1a1a" : "#f2f2f2",
  };
  return element("text", attributes, escapeXml(shown));
}

async function overlay(sheet: Image, svg: string): Promise<Image> {
  const data = await sharp(sheet.data, rawPixels(sheet))
    .composite([{ input: Buffer.from(svg), left: 0, top: 0 }])
    .removeAlpha()
    .raw()
    .toBuffer();
  return image(sheet.widthPx, sheet.heightPx, data);
}
