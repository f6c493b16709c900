import { InputError } from "../errors.js";
import { checkPoints, type Point } from "./affine.js";
import type { Image } from "./image.js";

/** A rectangle of whole pixels. */
export interface Region {
  leftPx: number;
  topPx: number;
  widthPx: number;
  heightPx: number;
}

/** A square that may be turned: a corner, and its two sides as vectors, in an image's pixels. */
export interface Square {
  /** The corner that becomes the top left of the crop. */
  corner: Point;
  /** From there to the top right. */
  across: Point;
  /** From there to the bottom left. */
  down: Point;
  sidePx: number;
}

/**
 * The square that an FFHQ crop shows: level with eyes and mouth, as wide as the face asks.
 * @param landmarks68 the usual 68 face landmarks; eyes (36 to 47) and mouth corners (48, 54) are used
 * @throws InputError if there are not 68 finite points, or eyes and mouth coincide
 */
export function ffhqSquare(landmarks68: readonly Point[]): Square {
  checkPoints(landmarks68, 68, "FFHQ alignment");
  const leftEye = mean(landmarks68.slice(36, 42));
  const rightEye = mean(landmarks68.slice(42, 48));
  const eyes = mean([leftEye, rightEye]);
  const mouth = mean([landmarks68[48]!, landmarks68[54]!]);
  const eyeToEye: Point = [rightEye[0] - leftEye[0], rightEye[1] - leftEye[1]];
  const eyesToMouth: Point = [mouth[0] - eyes[0], mouth[1] - eyes[1]];

  // Between the two directions that should be horizontal: eye to eye, and square to eyes-to-mouth.
  const direction: Point = [eyeToEye[0] + eyesToMouth[1], eyeToEye[1] - eyesToMouth[0]];
  const halfSidePx = Math.max(2 * Math.hypot(...eyeToEye), 1.8 * Math.hypot(...eyesToMouth));
  const scale = halfSidePx / Math.hypot(...direction);
  if (!Number.isFinite(scale) || halfSidePx < 1) {
    throw new InputError("FFHQ alignment: eyes and mouth coincide. Give the landmarks in pixels of the image.");
  }
  const [x, y] = [direction[0] * scale, direction[1] * scale];
  const centre: Point = [eyes[0] + 0.1 * eyesToMouth[0], eyes[1] + 0.1 * eyesToMouth[1]];
  return {
    corner: [centre[0] - x + y, centre[1] - y - x],
    across: [2 * x, 2 * y],
    down: [-2 * y, 2 * x],
    sidePx: 2 * halfSidePx,
  };
}

/** The same square in an image whose pixel (`originX`, `originY`) is (0, 0), and which is `shrink` times smaller. */
export function moveSquare(square: Square, [originX, originY]: Point, shrink = 1): Square {
  const { corner, across, down, sidePx } = square;
  return {
    corner: [(corner[0] - originX) / shrink, (corner[1] - originY) / shrink],
    across: [across[0] / shrink, across[1] / shrink],
    down: [down[0] / shrink, down[1] / shrink],
    sidePx: sidePx / shrink,
  };
}

/** The whole pixels that enclose a square: the first column and row, and those just after the last. */
export function bounds({ corner, across, down }: Square): { left: number; top: number; right: number; bottom: number } {
  const low = (axis: 0 | 1) => Math.floor(corner[axis] + Math.min(0, across[axis]) + Math.min(0, down[axis]));
  const high = (axis: 0 | 1) => Math.ceil(corner[axis] + Math.max(0, across[axis]) + Math.max(0, down[axis]));
  return { left: low(0), top: low(1), right: high(0), bottom: high(1) };
}

/**
 * The part of an image that a square covers, with a margin.
 * @throws InputError if it covers nothing of the image
 */
export function surroundings(image: Image, square: Square, marginPx: number): Region {
  const { left, top, right, bottom } = bounds(square);
  const leftPx = Math.max(0, left - marginPx);
  const topPx = Math.max(0, top - marginPx);
  const widthPx = Math.min(image.widthPx, right + marginPx) - leftPx;
  const heightPx = Math.min(image.heightPx, bottom + marginPx) - topPx;
  if (widthPx < 1 || heightPx < 1) {
    throw new InputError("FFHQ alignment: the face lies outside of the image. Give landmarks in this image's pixels.");
  }
  return { leftPx, topPx, widthPx, heightPx };
}

function mean(points: readonly Point[]): Point {
  let [sumX, sumY] = [0, 0];
  for (const [x, y] of points) {
    sumX += x;
    sumY += y;
  }
  return [sumX / points.length, sumY / points.length];
}
