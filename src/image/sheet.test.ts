import { describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { type Image, type Rgb, solidImage } from "./image.js";
import { contactSheet } from "./sheet.js";
import { drawSvg, element, escapeXml, svgDocument } from "./svg.js";

const red: Rgb = [220, 20, 30];
const blue: Rgb = [30, 20, 220];
const pixel = ({ data, widthPx }: Image, x: number, y: number) => [
  ...data.subarray((y * widthPx + x) * 3, (y * widthPx + x) * 3 + 3),
];

describe("contactSheet", () => {
  test("places images in rows with gutters, on the background", async () => {
    const entries = [red, blue, red].map((colour) => ({ image: solidImage(10, 10, colour) }));
    const sheet = await contactSheet(entries, { columns: 2, gutterPx: 4, background: [1, 2, 3] });
    expect([sheet.widthPx, sheet.heightPx]).toEqual([4 + 14 * 2, 4 + 14 * 2]);
    expect(pixel(sheet, 3, 3)).toEqual([1, 2, 3]);
    expect(pixel(sheet, 4, 4)).toEqual(red);
    expect(pixel(sheet, 18, 13)).toEqual(blue);
    expect(pixel(sheet, 14, 5)).toEqual([1, 2, 3]);
    expect(pixel(sheet, 4, 18)).toEqual(red);
    expect(pixel(sheet, 18, 18)).toEqual([1, 2, 3]); // no fourth image
  });

  test("fits and centres images of other shapes", async () => {
    const sheet = await contactSheet([{ image: solidImage(40, 20, red) }], { cellPx: 20, gutterPx: 0 });
    expect([sheet.widthPx, sheet.heightPx]).toEqual([20, 20]);
    expect(pixel(sheet, 0, 4)).toEqual([255, 255, 255]);
    expect(pixel(sheet, 0, 5)).toEqual(red);
    expect(pixel(sheet, 19, 14)).toEqual(red);
    expect(pixel(sheet, 19, 15)).toEqual([255, 255, 255]);
  });

  test("writes captions below, within their cell, and leaves the images alone", async () => {
    const sheet = await contactSheet(
      [
        { image: solidImage(80, 80, red), caption: `<b> & "${"long ".repeat(40)}` },
        { image: solidImage(80, 80, blue) },
      ],
      { columns: 2, gutterPx: 10 },
    );
    expect([sheet.widthPx, sheet.heightPx]).toEqual([190, 120]);
    const dark = (left: number, right: number) => {
      let count = 0;
      for (let y = 90; y < 110; y++) for (let x = left; x < right; x++) if (pixel(sheet, x, y)[0]! < 128) count++;
      return count;
    };
    expect(dark(10, 90)).toBeGreaterThan(20);
    expect(dark(100, 190)).toBe(0);
    expect(pixel(sheet, 50, 89)).toEqual(red);
    expect(pixel(sheet, 140, 50)).toEqual(blue);
  });

  test("keeps both ends of a caption that does not fit", async () => {
    const pixels = async (caption: string) =>
      (await contactSheet([{ image: solidImage(80, 80, red), caption }], { gutterPx: 10 })).data;
    const middle = "x".repeat(40);
    const sheet = await pixels(`1${middle}1`);
    expect(await pixels(`1${middle}2`)).not.toEqual(sheet);
    expect(await pixels(`2${middle}1`)).not.toEqual(sheet);
    expect(await pixels(`1${middle}x1`)).toEqual(sheet);
    // A little too long: smaller letters, and all of it.
    expect(await pixels("123456_89012")).not.toEqual(await pixels("123456789012"));
  });

  test("refuses no images and sizes out of range", async () => {
    const entry = { image: solidImage(9, 9, red) };
    await expect(contactSheet([])).rejects.toThrow(InputError);
    await expect(contactSheet([entry], { columns: 0 })).rejects.toThrow("columns");
    await expect(contactSheet([entry], { cellPx: 20_000 })).rejects.toThrow("smaller cellPx");
  });
});

describe("svg", () => {
  test("escapes attributes and text, and leaves undefined attributes out", () => {
    expect(element("a", { x: 1.23456, y: undefined, z: '"<' }, escapeXml("1 < 2 & 3\0\ud800"))).toBe(
      '<a x="1.23" z="&quot;&lt;">1 &lt; 2 &amp; 3\u{fffd}\u{fffd}</a>',
    );
  });

  test("draws at a scale, on white", async () => {
    const svg = svgDocument(20, 10, [element("rect", { width: 10, height: 10, fill: "#dc141e" })]);
    const drawn = await drawSvg(svg, { scale: 3 });
    expect([drawn.widthPx, drawn.heightPx]).toEqual([60, 30]);
    expect(pixel(drawn, 5, 5)).toEqual(red);
    expect(pixel(drawn, 50, 25)).toEqual([255, 255, 255]);
    await expect(drawSvg("<svg")).rejects.toThrow(InputError);
  });
});
