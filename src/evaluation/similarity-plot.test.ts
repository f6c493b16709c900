import { expect, test } from "vitest";
import { InputError } from "../errors.js";
import { drawSvg } from "../image/svg.js";
import { similarityPlotSvg } from "./similarity-plot.js";
import { variancePlotSvg } from "./variance-plot.js";

test("a histogram stands where its values are, with its mean in the legend", async () => {
  const svg = similarityPlotSvg([{ label: "a < b", values: [0.51, 0.51, 0.53] }], { threshold: 0.5, title: "T" });
  expect(svg).toContain("a &lt; b: mean 0.517");
  expect(svg).toContain("threshold");
  // The axis starts at 0.4, the tenth below the threshold; 50 bars of 0.012 over 632 pixels. 0.51 and 0.53 lie in bars 9 and
  // 10 (from 0.508 and 0.52), two values to one.
  const path = /d="(M64 364V[^"]*Z)"/.exec(svg)![1]!;
  const bars = [...path.matchAll(/V([\d.]+)H/g)].map(([, y]) => 364 - Number(y));
  expect(bars).toHaveLength(50);
  expect(bars.flatMap((height, i) => (height > 0 ? [i] : []))).toEqual([9, 10]);
  expect(bars[9]! / bars[10]!).toBeCloseTo(2, 3);
  expect((await drawSvg(svg)).widthPx).toBe(720);
});

test("values at both ends are drawn, and none is refused", () => {
  const svg = similarityPlotSvg([
    { label: "all", values: [-1, 1] },
    { label: "none", values: [] },
  ]);
  expect(svg).toContain("none: mean –");
  expect(svg).toContain(">-1.0<");
  expect(svg).not.toContain("NaN");
  expect(() => similarityPlotSvg([{ label: "none", values: [] }])).toThrow(InputError);
});

test("the variance rises to one, with marks", async () => {
  const svg = variancePlotSvg(Float64Array.of(0.5, 0.8, 1), [2]);
  // Two of three components: 64 + 2/3 of 632 to the right, and 0.8 of 320 up from 364.
  expect(svg).toContain('cx="485.33" cy="108"');
  expect((await drawSvg(svg)).heightPx).toBe(420);
});
