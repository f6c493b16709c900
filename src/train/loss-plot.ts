import { element, svgDocument } from "../image/svg.js";

interface Point {
  readonly step: number;
  readonly loss: number;
}

const size = { widthPx: 720, heightPx: 400 };
const margin = { left: 64, right: 20, top: 24, bottom: 44 };
/** Points of the smoothed curve. */
const bins = 200;

/** Loss over steps as an SVG: the logged values pale, their running means (of up to 200 equal parts) strong; loss is logarithmic. */
export function lossPlotSvg(points: readonly Point[]): string {
  const { widthPx, heightPx } = size;
  const [right, bottom] = [widthPx - margin.right, heightPx - margin.bottom];
  const steps = [points[0]?.step ?? 0, points.at(-1)?.step ?? 1] as const;
  const logs = points.map(({ loss }) => Math.log10(Math.max(loss, 1e-9)));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const x = (step: number) =>
    margin.left + ((step - steps[0]) / Math.max(1, steps[1] - steps[0])) * (right - margin.left);
  const y = (log: number) => bottom - ((log - low) / Math.max(1e-6, high - low)) * (bottom - margin.top);
  const path = (line: readonly Point[]) =>
    line
      .map(
        ({ step, loss }, i) => `${i === 0 ? "M" : "L"}${round(x(step))} ${round(y(Math.log10(Math.max(loss, 1e-9))))}`,
      )
      .join("");
  const label = { "font-size": 12, fill: "#444" };
  const ticks = Array.from({ length: 5 }, (_, i) => low + ((high - low) * i) / 4);
  const stepTicks = Array.from({ length: 5 }, (_, i) => steps[0] + ((steps[1] - steps[0]) * i) / 4);
  return svgDocument(widthPx, heightPx, [
    element("rect", { width: widthPx, height: heightPx, fill: "white" }),
    ...ticks.flatMap((log) => [
      element("path", { d: `M${margin.left} ${round(y(log))}H${right}`, stroke: "#e6e6e6" }),
      element(
        "text",
        { x: margin.left - 8, y: y(log) + 4, "text-anchor": "end", ...label },
        (10 ** log).toPrecision(3),
      ),
    ]),
    ...stepTicks.map((step) =>
      element("text", { x: x(step), y: bottom + 18, "text-anchor": "middle", ...label }, String(Math.round(step))),
    ),
    element("text", { x: (margin.left + right) / 2, y: heightPx - 8, "text-anchor": "middle", ...label }, "Step"),
    element("text", { x: margin.left, y: 16, ...label }, "Loss"),
    element("path", { d: path(points), fill: "none", stroke: "#0072b2", "stroke-opacity": 0.25 }),
    element("path", { d: path(smoothed(points)), fill: "none", stroke: "#0072b2", "stroke-width": 2 }),
  ]);
}

/** Means of consecutive parts of equal length. */
function smoothed(points: readonly Point[]): Point[] {
  const length = Math.max(1, Math.ceil(points.length / bins));
  return Array.from({ length: Math.ceil(points.length / length) }, (_, i) => {
    const part = points.slice(i * length, (i + 1) * length);
    const mean = (pick: (point: Point) => number) => part.reduce((sum, point) => sum + pick(point), 0) / part.length;
    return { step: mean(({ step }) => step), loss: mean(({ loss }) => loss) };
  });
}

const round = (px: number) => Math.round(px * 100) / 100;
