import { InputError } from "../errors.js";
import { type Image, solidImage } from "./image.js";
import { resizeImage } from "./resize.js";

/** White between the pictures. */
const gapPx = 4;
/** Longest side of a sheet: what image viewers open at ease (200 MB of pixels). */
const longestSidePx = 8192;
/** Below this, a face cannot be told. */
const smallestTilePx = 16;

/**
 * Pictures of one size in rows and columns on white, put in one by one. Memory is that of the sheet alone; pictures are
 * made smaller where many would make it larger than 8192 pixels on a side.
 */
export class ContactSheet {
  readonly image: Image;
  private readonly columns: number;
  private readonly tileWidthPx: number;
  private readonly tileHeightPx: number;

  /**
   * @param layout `rowLength`: pictures that belong together in one row, such as those of one person; default: about as
   *   many columns as rows
   * @throws InputError if there are more pictures than a sheet can show
   */
  constructor(layout: { count: number; widthPx: number; heightPx: number; rowLength?: number }) {
    const { count, widthPx, heightPx, rowLength } = layout;
    const square = Math.ceil(Math.sqrt(count));
    // Several short rows go side by side rather than into a tower.
    this.columns = rowLength === undefined ? square : rowLength * Math.max(1, Math.floor(square / rowLength));
    const rows = Math.ceil(count / this.columns);
    const room = (tiles: number) => (longestSidePx - gapPx) / tiles - gapPx;
    const scale = Math.min(1, room(this.columns) / widthPx, room(rows) / heightPx);
    this.tileWidthPx = Math.floor(widthPx * scale);
    this.tileHeightPx = Math.floor(heightPx * scale);
    if (Math.min(this.tileWidthPx, this.tileHeightPx) < smallestTilePx && scale < 1) {
      throw new InputError(`${count} images are more than one sheet can show; make fewer, or leave the sheet out`);
    }
    const side = (tiles: number, tilePx: number) => tiles * (tilePx + gapPx) + gapPx;
    this.image = solidImage(side(this.columns, this.tileWidthPx), side(rows, this.tileHeightPx), [255, 255, 255]);
  }

  /** Puts in the picture at `index`, counted along the rows. */
  async place(index: number, picture: Image): Promise<void> {
    const { tileWidthPx, tileHeightPx, columns } = this;
    const fits = picture.widthPx === tileWidthPx && picture.heightPx === tileHeightPx;
    const { data } = fits ? picture : await resizeImage(picture, tileWidthPx, tileHeightPx);
    const left = gapPx + (index % columns) * (tileWidthPx + gapPx);
    const top = gapPx + Math.floor(index / columns) * (tileHeightPx + gapPx);
    for (let y = 0; y < tileHeightPx; y++) {
      const row = data.subarray(3 * y * tileWidthPx, 3 * (y + 1) * tileWidthPx);
      this.image.data.set(row, 3 * ((top + y) * this.image.widthPx + left));
    }
  }
}
