import type { Point } from "../image/affine.js";
import type { Image } from "../image/image.js";

/** Left, top, right and bottom edge, in the image's pixels; a face at the border may reach beyond it. */
export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

/** A face that a detector sees. */
export interface Detection {
  readonly box: Box;
  /** The detector's confidence, 0 to 1. */
  readonly score: number;
  /** Eyes, nose, mouth corners in ArcFace's order, from detectors that give them. */
  readonly points5?: readonly Point[];
}

export interface DetectOptions {
  /**
   * How closely to look: 2 sees the image at twice the detector's usual resolution (finds smaller faces), 0.5 at half
   * (finds larger ones). Default 1.
   */
  readonly zoom?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Finds faces in images. */
export interface FaceDetector {
  /** Zooms beside 1 that find faces which 1 misses, in the order to try. */
  readonly otherZooms: readonly number[];
  /** @returns faces by falling score, none overlapping another; empty if there is none */
  detect(image: Image, options?: DetectOptions): Promise<Detection[]>;
  /** Time spent inside the network so far, in milliseconds. */
  readonly networkMs: number;
  /** Frees the network. */
  release(): Promise<void>;
}

export function boxArea([x0, y0, x1, y1]: Box): number {
  return Math.max(0, x1 - x0) * Math.max(0, y1 - y0);
}

/**
 * Keeps the best of each group of overlapping detections.
 * @param maxOverlap largest intersection over union that two faces may have
 * @param borderPx added to each width and height; 1 for detectors whose boxes count pixels (insightface)
 * @returns what is kept, by falling score; of equal scores the first comes first
 */
export function suppressOverlaps<D extends Detection>(detections: readonly D[], maxOverlap: number, borderPx = 0): D[] {
  const kept: D[] = [];
  for (const candidate of [...detections].sort((a, b) => b.score - a.score)) {
    if (kept.every(({ box }) => overlap(box, candidate.box, borderPx) <= maxOverlap)) kept.push(candidate);
  }
  return kept;
}

/** Intersection over union. */
function overlap([ax0, ay0, ax1, ay1]: Box, [bx0, by0, bx1, by1]: Box, borderPx: number): number {
  const width = Math.min(ax1, bx1) - Math.max(ax0, bx0) + borderPx;
  const height = Math.min(ay1, by1) - Math.max(ay0, by0) + borderPx;
  if (width <= 0 || height <= 0) return 0;
  const intersection = width * height;
  const areaA = (ax1 - ax0 + borderPx) * (ay1 - ay0 + borderPx);
  const areaB = (bx1 - bx0 + borderPx) * (by1 - by0 + borderPx);
  return intersection / (areaA + areaB - intersection);
}
