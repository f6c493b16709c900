import { describe, expect, test } from "vitest";
import type { Affine } from "./affine.js";
import { type Image, image, solidImage } from "./image.js";
import { reflectIndex, warpAffine } from "./warp.js";

/** 3 wide, 2 high; each channel tells its pixel. */
const small = image(3, 2, Uint8Array.of(0, 100, 5, 10, 110, 5, 20, 120, 5, /**/ 40, 140, 5, 50, 150, 5, 60, 160, 5));
const reds = ({ data }: Image) => [...data].filter((_, i) => i % 3 === 0);

function shrink(source: Image, factor: number, antialias = true): Image {
  const scale = 1 / factor;
  const shift = scale / 2 - 0.5;
  return warpAffine(source, [scale, 0, shift, 0, scale, shift], {
    widthPx: Math.round(source.widthPx / factor),
    heightPx: Math.round(source.heightPx / factor),
    antialias,
  });
}

describe("warpAffine", () => {
  test("identity", () => {
    expect(warpAffine(small, [1, 0, 0, 0, 1, 0], { widthPx: 3, heightPx: 2 })).toEqual(small);
  });

  test("a quarter turn", () => {
    const turned = warpAffine(small, [0, -1, 1, 1, 0, 0], { widthPx: 2, heightPx: 3 });
    expect(reds(turned)).toEqual([40, 0, 50, 10, 60, 20]);
  });

  test("half a pixel to the left: means of neighbours, and of the border", () => {
    const shift: Affine = [1, 0, -0.5, 0, 1, 0];
    expect(reds(warpAffine(small, shift, { widthPx: 3, heightPx: 2 }))).toEqual([5, 15, 10, 45, 55, 30]);
    const reflected = warpAffine(small, shift, { widthPx: 3, heightPx: 2, border: "reflect" });
    expect(reds(reflected)).toEqual([5, 15, 15, 45, 55, 55]);
  });

  test("bilinear between four pixels", () => {
    const { data } = warpAffine(small, [1, 0, -0.25, 0, 1, -0.5], { widthPx: 1, heightPx: 1 });
    expect([...data]).toEqual([23, 123, 5]); // 2.5 and 42.5, rounded up from 22.5
  });

  test("reflection goes back and forth, however far beyond", () => {
    expect(Array.from({ length: 11 }, (_, i) => reflectIndex(i - 4, 3))).toEqual([0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]);
    expect(reflectIndex(-7, 1)).toBe(0);
  });

  test("shrinking averages: fine stripes become grey, and without antialiasing stay stripes", () => {
    const stripes = image(
      60,
      60,
      Uint8Array.from({ length: 60 * 60 * 3 }, (_, i) => (Math.floor(i / 3) % 2) * 200),
    );
    for (const factor of [3, 5]) {
      const middle = reds(shrink(stripes, factor))
        .slice(0, 60 / factor)
        .slice(2, -2);
      for (const value of middle) expect(Math.abs(value - 100)).toBeLessThan(125 / factor); // the area average: 100 / factor
    }
    expect(new Set(reds(shrink(stripes, 3, false)))).toEqual(new Set([0, 200]));
  });

  test("shrinking keeps a flat colour, and is continuous where it sets in", () => {
    const flat = shrink(solidImage(70, 63, [9, 99, 199]), 7);
    expect(new Set(reds(flat))).toEqual(new Set([9]));
    const noise = image(
      40,
      40,
      Uint8Array.from({ length: 40 * 40 * 3 }, (_, i) => (i * 7919) % 256),
    );
    const view = { widthPx: 30, heightPx: 30 };
    const kept = warpAffine(noise, [1, 0, -0.3, 0, 1, -0.4], view);
    const barely = warpAffine(noise, [0.9995, 0, -0.3, 0, 0.9995, -0.4], view);
    const difference = Math.max(...kept.data.map((value, i) => Math.abs(value - barely.data[i]!)));
    expect(difference).toBeLessThan(10);
  });

  test("each axis is averaged by its own shrinking", () => {
    const rows = image(
      8,
      64,
      Uint8Array.from({ length: 8 * 64 * 3 }, (_, i) => (Math.floor(i / 24) % 2) * 240),
    );
    const squeezed = warpAffine(rows, [1, 0, 0, 0, 1 / 8, -0.4375], { widthPx: 8, heightPx: 8 });
    for (const value of reds(squeezed)) expect(Math.abs(value - 120)).toBeLessThan(20);
  });

  test("an absurd shrink ends", () => {
    const dot = warpAffine(small, [1e-9, 0, 0, 0, 1e-9, 0], { widthPx: 2, heightPx: 2 });
    expect(dot.data.length).toBe(12);
  });
});
