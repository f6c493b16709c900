import { InputError } from "../errors.js";
import { element, svgDocument } from "../image/svg.js";
import { gridLine, legend, lineStyle, plotFrame, plotMargin } from "./chart.js";

export interface SimilaritySeries {
  readonly label: string;
  /** Cosines. */
  readonly values: readonly number[];
}

export interface SimilarityPlotOptions {
  /** Default "ID similarity". */
  readonly title?: string;
  /** A dashed line: the cosine from which two photos show one person. */
  readonly threshold?: number | null;
  /** Default 720 x 420. */
  readonly widthPx?: number;
  readonly heightPx?: number;
}

/** Bars from one end of the axis to the other. */
const bins = 50;

/**
 * Draws distributions of similarities as an SVG: histograms with equal bars, each with the area 1, and the mean of each in
 * the legend. The axis starts at the last tenth below the smallest value, and ends at 1.
 * Source: Arc2Face Fig. 4 and 10a.
 * @throws InputError if no series has a value
 */
export function similarityPlotSvg(series: readonly SimilaritySeries[], options: SimilarityPlotOptions = {}): string {
  const { title = "ID similarity", threshold, widthPx = 720, heightPx = 420 } = options;
  const all = series.flatMap(({ values }) => values);
  if (all.length === 0) throw new InputError("A plot of similarities needs at least one value: no face was found.");
  const smallest = all.reduce((a, b) => Math.min(a, b), threshold ?? 1);
  const start = Math.max(-1, Math.min(0.9, Math.floor(smallest * 10 - 1e-9) / 10));
  const histograms = series.map(({ values }) => histogram(values, start));
  const highest = Math.max(...histograms.flat());

  const [right, bottom] = [widthPx - plotMargin.right, heightPx - plotMargin.bottom];
  const x = (cosine: number) => plotMargin.left + ((cosine - start) / (1 - start)) * (right - plotMargin.left);
  const y = (density: number) => bottom - (density / highest) * (bottom - plotMargin.top) * 0.95;
  const step = 1 - start > 1 ? 0.2 : 1 - start > 0.3 ? 0.1 : 0.02;
  const ticks = Array.from({ length: Math.floor((1 - start) / step + 1e-9) + 1 }, (_, i) => 1 - i * step);
  const label = { "font-size": 12, fill: "#444", "text-anchor": "middle" };
  return svgDocument(widthPx, heightPx, [
    element("rect", { width: widthPx, height: heightPx, fill: "white" }),
    ...ticks.flatMap((tick) => [
      gridLine(x(tick), plotMargin.top, x(tick), bottom),
      element("text", { x: x(tick), y: bottom + 18, ...label }, tick.toFixed(step < 0.1 ? 2 : 1)),
    ]),
    ...histograms.map((densities, i) => curve(densities, i, x, y, start)),
    ...(threshold == null ? [] : thresholdLine(x(threshold), bottom)),
    ...plotFrame(widthPx, heightPx, { title, x: "Cosine similarity", y: "Density" }),
    ...legend(
      series.map(({ label: name, values }) => `${name}: mean ${meanOf(values)}`),
      { rightPx: right - 8, bottomPx: plotMargin.top + 18 + 20 * series.length },
    ),
  ]);
}

/** Densities of equal bars from `start` to 1. */
function histogram(values: readonly number[], start: number): number[] {
  const width = (1 - start) / bins;
  const counts = Array<number>(bins).fill(0);
  // Rounding leaves some a little beyond an end.
  for (const value of values) counts[Math.max(0, Math.min(bins - 1, Math.floor((value - start) / width)))]!++;
  return counts.map((count) => count / Math.max(1, values.length) / width);
}

function curve(
  densities: readonly number[],
  index: number,
  x: (cosine: number) => number,
  y: (density: number) => number,
  start: number,
): string {
  const round = (px: number) => Math.round(px * 100) / 100;
  const width = (1 - start) / bins;
  const steps = densities.map((density, i) => `V${round(y(density))}H${round(x(start + (i + 1) * width))}`);
  const style = lineStyle(index);
  const d = `M${round(x(start))} ${round(y(0))}${steps.join("")}V${round(y(0))}Z`;
  return element("path", { d, ...style, fill: style.stroke, "fill-opacity": 0.15, "stroke-width": 1.5 });
}

function thresholdLine(px: number, bottom: number): string[] {
  return [
    element("path", { d: `M${px} ${plotMargin.top}V${bottom}`, stroke: "#1a1a1a", "stroke-dasharray": "4 4" }),
    element("text", { x: px + 5, y: plotMargin.top + 12, "font-size": 12, fill: "#1a1a1a" }, "threshold"),
  ];
}

function meanOf(values: readonly number[]): string {
  return values.length === 0 ? "–" : (values.reduce((a, b) => a + b, 0) / values.length).toFixed(3);
}
