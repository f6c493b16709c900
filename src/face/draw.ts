import type { Point } from "../image/affine.js";
import type { Image } from "../image/image.js";
import { overlaySvg } from "../image/overlay.js";
import { element } from "../image/svg.js";
import type { Face } from "./face-finder.js";

/** Draws each face's box (green; the first one's thick), its landmarks (cyan) and the five points (red). */
export function drawFaces(image: Image, faces: readonly Face[]): Promise<Image> {
  return overlaySvg(
    image,
    faces.flatMap((face, i) => drawFace(face, i === 0)),
  );
}

function drawFace({ box: [x0, y0, x1, y1], landmarks, points5 }: Face, isLargest: boolean): string[] {
  // Marks grow with the face, and stay visible on small ones.
  const unit = Math.max(0.7, (y1 - y0) / 150);
  const frame = { x: x0, y: y0, width: x1 - x0, height: y1 - y0, fill: "none", stroke: "#0f0" };
  return [
    element("rect", { ...frame, "stroke-width": isLargest ? 2 * unit : unit }),
    ...drawPoints(landmarks, unit, "#0ff"),
    ...drawPoints(points5, 1.6 * unit, "#f00"),
  ];
}

function drawPoints(points: readonly Point[], radius: number, fill: string): string[] {
  // Points count from the centre of the first pixel.
  return points.map(([x, y]) => element("circle", { cx: x + 0.5, cy: y + 0.5, r: radius, fill }));
}
