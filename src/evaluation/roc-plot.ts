import { InputError } from "../errors.js";
import { encodePng } from "../image/encode.js";
import { drawSvg, element, svgDocument } from "../image/svg.js";
import { writeFileAtomic } from "../tensor/atomic-file.js";
import { gridLine, legend, lineStyle, plotFrame, plotMargin } from "./chart.js";
import type { RocPoint } from "./roc.js";

export interface RocSeries {
  label: string;
  roc: readonly RocPoint[];
}

export interface RocPlotOptions {
  title?: string;
  /** Default 720 x 520. */
  widthPx?: number;
  heightPx?: number;
  /** Left end of the logarithmic FAR axis, a power of ten. Default 1e-4. */
  minFar?: number;
}

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** Writes {@link rocPlotSvg}'s plot as PNG, of twice its size, if the path ends with `.png`, else as SVG. */
export async function writeRocPlot(path: string, series: readonly RocSeries[]): Promise<void> {
  const svg = rocPlotSvg(series);
  await writeFileAtomic(path, /\.png$/i.test(path) ? await encodePng(await drawSvg(svg, { scale: 2 })) : svg);
}

/**
 * Draws ROC curves as an SVG: false acceptance rate, logarithmic, against true acceptance rate, with a legend in the
 * order given. The TAR axis starts where all curves are above. Between thresholds a curve runs level,
 * as no threshold reaches what lies between. `drawSvg` makes an image of it.
 * @throws InputError if there is no curve, or `minFar` is no power of ten from 1e-9 to 0.1
 */
export function rocPlotSvg(series: readonly RocSeries[], options: RocPlotOptions = {}): string {
  const { title = "Receiver operating characteristic", widthPx = 720, heightPx = 520, minFar = 1e-4 } = options;
  const decades = Math.round(-Math.log10(minFar));
  if (!(decades >= 1 && decades <= 9) || Math.abs(Math.log10(minFar) + decades) > 1e-9) {
    throw new InputError(`The FAR axis must start at a power of ten from 1e-9 to 0.1, not ${minFar}.`);
  }
  if (series.length === 0) throw new InputError("A ROC plot needs at least one curve.");

  const right = widthPx - plotMargin.right;
  const bottom = heightPx - plotMargin.bottom;
  const tarTicks = tarAxis(series, minFar);
  const lowestTar = tarTicks[0]!;
  const x = (far: number) => plotMargin.left + (Math.log10(far) / decades + 1) * (right - plotMargin.left);
  const y = (tar: number) => bottom - ((tar - lowestTar) / (1 - lowestTar)) * (bottom - plotMargin.top);

  const farTicks = Array.from({ length: decades + 1 }, (_, i) => i - decades);
  const label = { "font-size": 12, fill: "#444" };
  return svgDocument(widthPx, heightPx, [
    element("rect", { width: widthPx, height: heightPx, fill: "white" }),
    ...farTicks.flatMap((power) => [
      gridLine(x(10 ** power), plotMargin.top, x(10 ** power), bottom),
      element("text", { x: x(10 ** power), y: bottom + 18, "text-anchor": "middle", ...label }, powerOfTen(power)),
    ]),
    ...tarTicks.flatMap((tar) => [
      gridLine(plotMargin.left, y(tar), right, y(tar)),
      element(
        "text",
        { x: plotMargin.left - 8, y: y(tar) + 4, "text-anchor": "end", ...label },
        tickLabel(tar, tarTicks),
      ),
    ]),
    ...series.map(({ roc }, i) => element("path", { d: curvePath(roc, minFar, x, y), fill: "none", ...lineStyle(i) })),
    ...plotFrame(widthPx, heightPx, { title, x: "False acceptance rate", y: "True acceptance rate" }),
    ...legend(
      series.map(({ label }) => label),
      { rightPx: right - 12, bottomPx: bottom - 12 },
    ),
  ]);
}

/** A staircase from the left edge of the axis to FAR 1. */
function curvePath(
  roc: readonly RocPoint[],
  minFar: number,
  x: (far: number) => number,
  y: (tar: number) => number,
): string {
  const round = (px: number) => Math.round(px * 100) / 100;
  const start = roc.findLast(({ far }) => far <= minFar) ?? roc[0]!;
  let path = `M${round(x(minFar))} ${round(y(start.tar))}`;
  let drawn = start;
  // Only the last of several points with one FAR or one TAR is a corner; the others lie on the line.
  for (const [i, point] of roc.entries()) {
    if (point.far <= minFar) continue;
    const next = roc[i + 1];
    if (next !== undefined && (next.far === point.far || (next.tar === point.tar && point.tar === drawn.tar))) continue;
    path += `H${round(x(point.far))}`;
    if (point.tar !== drawn.tar) path += `V${round(y(point.tar))}`;
    drawn = point;
  }
  return path;
}

/** Where the TAR axis may start, with the number of steps from there to 1 that have round ends. */
const tarAxes = [
  { start: 0.98, steps: 4 },
  { start: 0.95, steps: 5 },
  { start: 0.9, steps: 5 },
  { start: 0.8, steps: 4 },
  { start: 0.5, steps: 5 },
  { start: 0, steps: 5 },
];

/** Ticks of the narrowest axis that no curve falls below. */
function tarAxis(series: readonly RocSeries[], minFar: number): number[] {
  const lowest = Math.min(...series.map(({ roc }) => roc.findLast(({ far }) => far <= minFar)?.tar ?? 0));
  const { start, steps } = tarAxes.find(({ start }) => lowest >= start) ?? tarAxes.at(-1)!;
  return Array.from({ length: steps + 1 }, (_, i) => Number((start + ((1 - start) * i) / steps).toFixed(6)));
}

function tickLabel(value: number, all: readonly number[]): string {
  const digits = Math.max(...all.map((tick) => (String(tick).split(".")[1] ?? "").length));
  return value.toFixed(digits);
}

function powerOfTen(power: number): string {
  if (power === 0) return "1";
  return `10${power < 0 ? "⁻" : ""}${[...String(Math.abs(power))].map((digit) => superscripts[Number(digit)]).join("")}`;
}
