import { type Image, image } from "./image.js";

/**
 * Network output to pictures.
 * @param pixels float32 [N, 3, H, W] in [-1, 1]
 * @returns N images; rounding as diffusers does it: (x / 2 + 0.5) * 255, to the nearest, halves to even
 */
export function toImages(pixels: Float32Array, { widthPx, heightPx }: { widthPx: number; heightPx: number }): Image[] {
  const plane = widthPx * heightPx;
  return Array.from({ length: pixels.length / (3 * plane) }, (_, n) => {
    const data = new Uint8Array(3 * plane);
    for (let channel = 0; channel < 3; channel++) {
      const start = (3 * n + channel) * plane;
      for (let i = 0; i < plane; i++) {
        const value = Math.fround(Math.fround(pixels[start + i]! / 2) + 0.5);
        data[3 * i + channel] = roundHalfToEven(Math.fround(Math.min(Math.max(value, 0), 1) * 255));
      }
    }
    return image(widthPx, heightPx, data);
  });
}

function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}
