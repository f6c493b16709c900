import { describe, expect, it } from "vitest";
import { toImages } from "./network-output.js";

describe("toImages", () => {
  it("puts planes side by side for each pixel, image after image", () => {
    // Two images, 2 wide and 1 high; red, green and blue planes. 1 is 255, -1 is 0.
    const pixels = Float32Array.of(1, -1, -1, 1, 1, 1, -1, -1, -1, -1, 1, -1);
    const images = toImages(pixels, { widthPx: 2, heightPx: 1 });
    expect(images.map(({ data }) => [...data])).toEqual([
      [255, 0, 255, 0, 255, 255],
      [0, 0, 255, 0, 0, 0],
    ]);
    expect(images.map(({ widthPx, heightPx }) => [widthPx, heightPx])).toEqual([
      [2, 1],
      [2, 1],
    ]);
  });

  it("rounds to the nearest, halves to even, as diffusers does by numpy", () => {
    // The pixel for the value v of 255, where float32 arithmetic meets these exactly; two for red, for green, for blue.
    const values = [126.5, 127.5, 128.5, 129.25, 129.75, 129];
    const pixels = Float32Array.from(values, (value) => (value / 255 - 0.5) * 2);
    const [image] = toImages(pixels, { widthPx: 2, heightPx: 1 });
    expect([...image!.data]).toEqual([126, 128, 130, 128, 129, 129]);
  });

  it("clamps", () => {
    const [image] = toImages(Float32Array.of(-7, 9, 1.001), { widthPx: 1, heightPx: 1 });
    expect([...image!.data]).toEqual([0, 255, 255]);
  });
});
