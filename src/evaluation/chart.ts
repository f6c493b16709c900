import { element, escapeXml } from "../image/svg.js";

/** What the plots have in common. */

/** Okabe & Ito 2008: told apart with any colour vision. Dashes tell a ninth curve from the first. */
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#f0e442"];

/** How the curve of this index is drawn. */
export function lineStyle(index: number) {
  return {
    stroke: colours[index % colours.length]!,
    "stroke-width": 2,
    "stroke-linejoin": "round",
    "stroke-dasharray": index < colours.length ? undefined : "6 4",
  };
}

export function gridLine(x1: number, y1: number, x2: number, y2: number): string {
  return element("path", {
    d: `M${Math.round(x1)} ${Math.round(y1)}L${Math.round(x2)} ${Math.round(y2)}`,
    stroke: "#e6e6e6",
  });
}

/** The labels of the curves, in their order, with this corner at the bottom right. */
export function legend(
  labels: readonly string[],
  { rightPx, bottomPx }: { readonly rightPx: number; readonly bottomPx: number },
): string[] {
  const rowPx = 20;
  const widest = Math.max(...labels.map((label) => [...label].length));
  const widthPx = 50 + widest * 7;
  const heightPx = labels.length * rowPx + 10;
  const [left, top] = [rightPx - widthPx, bottomPx - heightPx];
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
    ...labels.flatMap((label, i) => {
      const y = top + 5 + (i + 0.5) * rowPx;
      return [
        element("path", { d: `M${left + 10} ${y}h22`, ...lineStyle(i) }),
        element("text", { x: left + 40, y: y + 4, "font-size": 12, fill: "#1a1a1a" }, escapeXml(label)),
      ];
    }),
  ];
}

/** Of a plot that has its title in the top margin and the axes' numbers in the others. */
export const plotMargin = { left: 64, right: 24, top: 44, bottom: 56 } as const;

/** Title, frame, and names of both axes. */
export function plotFrame(
  widthPx: number,
  heightPx: number,
  { title, x, y }: { readonly title: string; readonly x: string; readonly y: string },
): string[] {
  const { left, top } = plotMargin;
  const [right, bottom] = [widthPx - plotMargin.right, heightPx - plotMargin.bottom];
  const label = { "text-anchor": "middle", "font-size": 12, fill: "#444" };
  return [
    element("text", { x: left, y: 26, "font-size": 16, "font-weight": 600, fill: "#1a1a1a" }, escapeXml(title)),
    element("text", { x: (left + right) / 2, y: heightPx - 16, ...label }, escapeXml(x)),
    element("text", { transform: `translate(18 ${(top + bottom) / 2}) rotate(-90)`, ...label }, escapeXml(y)),
    element("path", { d: `M${left} ${top}V${bottom}H${right}`, fill: "none", stroke: "#888" }),
  ];
}
