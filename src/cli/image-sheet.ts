import { InputError } from "../errors.js";
import type { Image } from "../image/image.js";
import { resizeImage } from "../image/resize.js";
import { contactSheet, type SheetEntry } from "../image/sheet.js";

/** What a sheet may have in all, with room for gutters and captions; image viewers open it at ease. */
const pixelLimit = 80e6;
/** Gutter and caption of a cell. */
const borderPx = 28;
/** Below this, a face cannot be told. */
const smallestCellPx = 16;
const largestCellPx = 512;

/**
 * Collects generated images for a contact sheet. Each is shrunk at once to the size that it will have there, so that
 * memory stays that of the sheet, however many there are.
 */
export class ImageSheet {
  /** Whether so many images can be told from each other on one sheet. */
  static holds(images: number): boolean {
    return images * (smallestCellPx + borderPx) ** 2 <= pixelLimit;
  }

  private readonly entries: SheetEntry[] = [];
  private readonly columns: number;
  private readonly cellPx: number;

  /**
   * @param people one row for each, if there are several; several short rows side by side, if they would make a tower
   * @param count  images of each person
   * @param columns default: so that the sheet is about as wide as high
   * @throws InputError if they are more than a sheet can show
   */
  constructor(people: number, count: number, columns?: number) {
    const square = Math.ceil(Math.sqrt(people * count));
    this.columns = columns ?? (people === 1 ? square : count * Math.max(1, Math.floor(square / count)));
    const cells = this.columns * Math.ceil((people * count) / this.columns);
    this.cellPx = Math.min(largestCellPx, Math.floor(Math.sqrt(pixelLimit / cells)) - borderPx);
    if (this.cellPx < smallestCellPx) {
      throw new InputError(`${people * count} images are more than one sheet can show; make fewer, or use --no-sheet`);
    }
  }

  /** Takes the next image, row by row. */
  async add(image: Image, caption: string): Promise<void> {
    const scale = Math.min(1, this.cellPx / Math.max(image.widthPx, image.heightPx));
    const scaled = (px: number) => Math.max(1, Math.round(px * scale));
    const shown = scale === 1 ? image : await resizeImage(image, scaled(image.widthPx), scaled(image.heightPx));
    this.entries.push({ image: shown, caption });
  }

  make(): Promise<Image> {
    return contactSheet(this.entries, { columns: this.columns });
  }
}
