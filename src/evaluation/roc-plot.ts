import { InputError } from "../errors.js";
import { element, escapeXml, svgDocument } from "../image/svg.js";
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

/** Okabe & Ito 2008: told apart with any colour vision. Dashes tell a ninth curve from the first. */
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#f0e442"];
const margin = { left: 64, right: 24, top: 44, bottom: 56 };
const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

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

  const right = widthPx - margin.right;
  const bottom = heightPx - margin.bottom;
  const tarTicks = tarAxis(series, minFar);
  const lowestTar = tarTicks[0]!;
  const x = (far: number) => margin.left + (Math.log10(far) / decades + 1) * (right - margin.left);
  const y = (tar: number) => bottom - ((tar - lowestTar) / (1 - lowestTar)) * (bottom - margin.top);

  const farTicks = Array.from({ length: decades + 1 }, (_, i) => i - decades);
  const label = { "font-size": 12, fill: "#444" };
  return svgDocument(widthPx, heightPx, [
    element("rect", { width: widthPx, height: heightPx, fill: "white" }),
    element("text", { x: margin.left, y: 26, "font-size": 16, "font-weight": 600, fill: "#1a1a1a" }, escapeXml(title)),
    ...farTicks.flatMap((power) => [
      gridLine(x(10 ** power), margin.top, x(10 ** power), bottom),
      element("text", { x: x(10 ** power), y: bottom + 18, "text-anchor": "middle", ...label }, powerOfTen(power)),
    ]),
    ...tarTicks.flatMap((tar) => [
      gridLine(margin.left, y(tar), right, y(tar)),
      element("text", { x: margin.left - 8, y: y(tar) + 4, "text-anchor": "end", ...label }, tickLabel(tar, tarTicks)),
    ]),
    element("text", { x: (margin.left + right) / 2, y: heightPx - 16, "text-anchor": "middle", ...label }, [
      "False acceptance rate",
    ]),
    element(
      "text",
      { transform: `translate(18 ${(margin.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle", ...label },
      "True acceptance rate",
    ),
    ...series.map(({ roc }, i) => element("path", { d: curvePath(roc, minFar, x, y), fill: "none", ...stroke(i) })),
    element("path", { d: `M${margin.left} ${margin.top}V${bottom}H${right}`, fill: "none", stroke: "#888" }),
    ...legend(series, right, bottom),
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

function gridLine(x1: number, y1: number, x2: number, y2: number): string {
  return element("path", {
    d: `M${Math.round(x1)} ${Math.round(y1)}L${Math.round(x2)} ${Math.round(y2)}`,
    stroke: "#e6e6e6",
  });
}

function stroke(index: number) {
  return {
    stroke: colours[index % colours.length]!,
    "stroke-width": 2,
    "stroke-linejoin": "round",
    "stroke-dasharray": index < colours.length ? undefined : "6 4",
  };
}

/** In the corner below the curves. */
function legend(series: readonly RocSeries[], right: number, bottom: number): string[] {
  const rowPx = 20;
  const widest = Math.max(...series.map(({ label }) => [...label].length));
  const widthPx = 50 + widest * 7;
  const heightPx = series.length * rowPx + 10;
  const left = right - widthPx - 12;
  const top = bottom - heightPx - 12;
  return [
    element("rect", {
      x: left,
      y: top,
      width: widthPx,
      height: heightPx,
      rx: 4,
      fill: "white",
      "fill-opacity": 0.9,
      stroke: "#ddd",
    }),
    ...series.flatMap(({ label }, i) => {
      const y = top + 5 + (i + 0.5) * rowPx;
      return [
        element("path", { d: `M${left + 10} ${y}h22`, ...stroke(i) }),
        element("text", { x: left + 40, y: y + 4, "font-size": 12, fill: "#1a1a1a" }, escapeXml(label)),
      ];
    }),
  ];
}
