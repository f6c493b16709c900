import { element, svgDocument } from "../image/svg.js";
import { gridLine, lineStyle, plotFrame, plotMargin } from "./chart.js";

const [widthPx, heightPx] = [720, 420];

/**
 * Draws the share of variance that the first components explain, as an SVG.
 * Source: Arc2Face Fig. 9a.
 * @param explained by the first 1, 2, … components, rising to 1
 * @param marked numbers of components to mark
 */
export function variancePlotSvg(explained: Float64Array, marked: readonly number[] = []): string {
  const [right, bottom] = [widthPx - plotMargin.right, heightPx - plotMargin.bottom];
  const round = (px: number) => Math.round(px * 100) / 100;
  const x = (components: number) =>
    round(plotMargin.left + (components / explained.length) * (right - plotMargin.left));
  const y = (share: number) => round(bottom - share * (bottom - plotMargin.top));
  const label = { "font-size": 12, fill: "#444" };
  const points = Array.from(explained, (share, i) => `L${x(i + 1)} ${y(share)}`);
  return svgDocument(widthPx, heightPx, [
    element("rect", { width: widthPx, height: heightPx, fill: "white" }),
    ...[0, 0.2, 0.4, 0.6, 0.8, 1].flatMap((share) => [
      gridLine(plotMargin.left, y(share), right, y(share)),
      element(
        "text",
        { x: plotMargin.left - 8, y: y(share) + 4, "text-anchor": "end", ...label },
        `${Math.round(100 * share)} %`,
      ),
    ]),
    ...marked.flatMap((components) => [
      gridLine(x(components), plotMargin.top, x(components), bottom),
      element("text", { x: x(components), y: bottom + 18, "text-anchor": "middle", ...label }, String(components)),
    ]),
    element("path", { d: `M${x(0)} ${y(0)}${points.join("")}`, fill: "none", ...lineStyle(0) }),
    ...marked.map((components) =>
      element("circle", { cx: x(components), cy: y(explained[components - 1]!), r: 4, fill: lineStyle(0).stroke }),
    ),
    ...plotFrame(widthPx, heightPx, {
      title: "Variance explained by the first components",
      x: "Components",
      y: "Share of variance",
    }),
  ]);
}
