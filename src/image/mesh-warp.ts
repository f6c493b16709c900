import Delaunator from "delaunator";
import { type Affine, applyAffine, checkPoints, type Point } from "./affine.js";
import { type Image, image } from "./image.js";

/**
 * Warps an image such that points come to lie on others: affine within each triangle of the Delaunay triangulation of
 * `to`, bilinear sampling. What lies outside of their hull is black.
 * Source: piecewise affine warp, as scikit-image's `PiecewiseAffineTransform`.
 * @param from places in the source, in pixels; those beyond its edge are taken as on it
 * @param to where they come to lie, in pixels of the output, which is as large as the source
 * @throws InputError if there are fewer than three points, the lists differ in length, or a number is not finite
 */
export function warpMesh(source: Image, from: readonly Point[], to: readonly Point[]): Image {
  const count = Math.max(3, from.length);
  checkPoints(from, count, "Mesh warp");
  checkPoints(to, count, "Mesh warp");
  const { widthPx, heightPx } = source;
  const output = new Uint8Array(widthPx * heightPx * 3);
  const { triangles } = Delaunator.from(to as [number, number][]);
  for (let k = 0; k < triangles.length; k += 3) {
    const cornersOf = (points: readonly Point[]) =>
      [points[triangles[k]!]!, points[triangles[k + 1]!]!, points[triangles[k + 2]!]!] as const;
    const toSource = affineOfTriangle(cornersOf(to), cornersOf(from));
    fillTriangle(cornersOf(to), widthPx, heightPx, (x, y) =>
      sampleInside(source, applyAffine(toSource, [x, y]), output, 3 * (y * widthPx + x)),
    );
  }
  return image(widthPx, heightPx, output);
}

type Triangle = readonly [Point, Point, Point];

/** The map that brings three points onto three others. The former are not on one line: they are a Delaunay triangle. */
function affineOfTriangle([[x0, y0], [x1, y1], [x2, y2]]: Triangle, to: Triangle): Affine {
  const determinant = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
  const row = (axis: 0 | 1): [number, number, number] => {
    const [v0, v1, v2] = [to[0][axis], to[1][axis], to[2][axis]];
    const a = ((v1 - v0) * (y2 - y0) - (v2 - v0) * (y1 - y0)) / determinant;
    const b = ((v2 - v0) * (x1 - x0) - (v1 - v0) * (x2 - x0)) / determinant;
    return [a, b, v0 - a * x0 - b * y0];
  };
  return [...row(0), ...row(1)];
}

/** Calls `visit` for every pixel whose centre lies in the triangle or on its edge. */
function fillTriangle(
  [[x0, y0], [x1, y1], [x2, y2]]: Triangle,
  widthPx: number,
  heightPx: number,
  visit: (x: number, y: number) => void,
): void {
  const lastY = Math.min(heightPx - 1, Math.floor(Math.max(y0, y1, y2)));
  const lastX = Math.min(widthPx - 1, Math.floor(Math.max(x0, x1, x2)));
  const turn = Math.sign((x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0));
  for (let y = Math.max(0, Math.ceil(Math.min(y0, y1, y2))); y <= lastY; y++) {
    for (let x = Math.max(0, Math.ceil(Math.min(x0, x1, x2))); x <= lastX; x++) {
      const side01 = turn * ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0));
      const side12 = turn * ((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1));
      const side20 = turn * ((x0 - x2) * (y - y2) - (y0 - y2) * (x - x2));
      if (Math.min(side01, side12, side20) >= -1e-9) visit(x, y);
    }
  }
}

/** Bilinear sample, of the image's edge beyond it. */
function sampleInside({ data, widthPx, heightPx }: Image, place: Point, output: Uint8Array, at: number): void {
  const x = Math.max(0, Math.min(widthPx - 1, place[0]));
  const y = Math.max(0, Math.min(heightPx - 1, place[1]));
  const left = Math.min(widthPx - 2, Math.floor(x));
  const top = Math.min(heightPx - 2, Math.floor(y));
  const [right, below] = [x - left, y - top];
  const p = 3 * (top * widthPx + left);
  const q = p + 3 * widthPx;
  for (let channel = 0; channel < 3; channel++) {
    const upper = (1 - right) * data[p + channel]! + right * data[p + 3 + channel]!;
    const lower = (1 - right) * data[q + channel]! + right * data[q + 3 + channel]!;
    output[at + channel] = (1 - below) * upper + below * lower + 0.5;
  }
}
