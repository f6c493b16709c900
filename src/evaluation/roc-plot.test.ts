import { describe, expect, test } from "vitest";
import { InputError } from "../errors.js";
import { drawSvg } from "../image/svg.js";
import { rocCurve } from "./roc.js";
import { rocPlotSvg } from "./roc-plot.js";

// 4 same pairs, 10 different ones; one different pair is third.
const similarities = [0.9, 0.8, 0.7, 0.6, 0.5, ...new Array(9).fill(0.1)];
const same = [true, true, false, true, true, ...new Array(9).fill(false)];
const roc = rocCurve(similarities, same);

describe("rocPlotSvg", () => {
  const svg = rocPlotSvg([{ label: "a < b & c", roc }], { minFar: 1e-2, title: "LFW" });

  test("draws a staircase on a logarithmic axis", () => {
    // The plot is 632 wide from x = 64, and 420 high to y = 464; its TAR axis starts at 0.5, where the curve does.
    expect(svg).toContain('d="M64 464H380V44H696"');
  });

  test("labels decades, and escapes names", () => {
    for (const label of ["10⁻²", "10⁻¹", ">1<", ">0.5<", ">1.0<", "a &lt; b &amp; c", ">LFW<"]) {
      expect(svg).toContain(label);
    }
  });

  test("gives curves different colours, and draws", async () => {
    const two = rocPlotSvg([
      { label: "one", roc },
      { label: "two", roc },
    ]);
    expect(two).toContain("#0072b2");
    expect(two).toContain("#d55e00");
    const drawn = await drawSvg(two, { scale: 2 });
    expect([drawn.widthPx, drawn.heightPx]).toEqual([1440, 1040]);
    expect(new Set(drawn.data).size).toBeGreaterThan(20);
  });

  test("refuses what cannot be drawn", () => {
    expect(() => rocPlotSvg([])).toThrow(InputError);
    for (const minFar of [0, 1, 0.03, -1, Number.NaN]) {
      expect(() => rocPlotSvg([{ label: "a", roc }], { minFar })).toThrow("power of ten");
    }
  });
});
