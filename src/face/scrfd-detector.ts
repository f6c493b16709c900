import type { Point } from "../image/affine.js";
import type { Image } from "../image/image.js";
import type { Session } from "../runtime/session.js";
import { type Box, type Detection, type DetectOptions, type FaceDetector, suppressOverlaps } from "./detection.js";
import { letterbox } from "./letterbox.js";
import { packRgb } from "./network-input.js";

const strides = [8, 16, 32] as const;
const anchorsPerCell = 2;
/** Side of the square that the image is fitted into at zoom 1. */
const usualSidePx = 640;
const pixelScale = { mean: 127.5, std: 128 };
const background = [0, 0, 0] as const;
const minScore = 0.5;
const maxOverlap = 0.4;

/** Whether a network gives what SCRFD does: scores and boxes at three strides, and points in the `bnkps` variants. */
export function isScrfd({ inputs, outputs }: Session): boolean {
  const widths = outputs.map(({ shape }) => shape.at(-1));
  const expected = outputs.length === 9 ? [1, 1, 1, 4, 4, 4, 10, 10, 10] : [1, 1, 1, 4, 4, 4];
  const fits =
    widths.length === expected.length && widths.every((width, i) => typeof width === "string" || width === expected[i]);
  return inputs.length === 1 && inputs[0]?.shape.length === 4 && fits;
}

/**
 * SCRFD: each cell of three grids says twice (two anchors) how sure it is of a face around it, how far the face's edges
 * are, and where the five points are. Takes any size whose sides are multiples of 32, or the one that its graph fixes.
 * Source: Guo 2021 (SCRFD); scales, thresholds and suppression of insightface's `scrfd.py`. Deviation: images are shrunk
 * with a filter, which insightface does without.
 */
export class ScrfdDetector implements FaceDetector {
  readonly otherZooms: readonly number[];
  /** Width and height that the graph fixes. */
  private readonly fixedSize: readonly [number, number] | undefined;

  /** @param session of a network that {@link isScrfd} */
  constructor(private readonly session: Session) {
    const [, , height, width] = session.inputs[0]!.shape;
    this.fixedSize = typeof height === "number" && typeof width === "number" ? [width, height] : undefined;
    // The network knows faces of 8 to 512 pixels; one that fills a large image is beyond that at the usual zoom.
    this.otherZooms = this.fixedSize ? [] : [0.5, 0.2, 2];
  }

  get networkMs(): number {
    return this.session.stats.totalRunMs;
  }

  async detect(image: Image, { zoom = 1, signal }: DetectOptions = {}): Promise<Detection[]> {
    const sidePx = Math.max(32, Math.round((usualSidePx * zoom) / 32) * 32);
    const [widthPx, heightPx] = this.fixedSize ?? [sidePx, sidePx];
    const { image: frame, scale } = await letterbox(image, widthPx, heightPx, background);
    const feeds = { [this.session.inputs[0]!.name]: packRgb([frame], pixelScale) };
    const results = await this.session.run(feeds, { give: true, ...(signal && { signal }) });
    const outputs = this.session.outputs.map(({ name }) => results[name]!.data as Float32Array);
    const found = strides.flatMap((stride, level) => {
      const [scores, edges, points] = [outputs[level]!, outputs[level + 3]!, outputs[level + 6]];
      return decodeLevel({ scores, edges, points, stride, columns: Math.floor(widthPx / stride), scale });
    });
    return suppressOverlaps(found, maxOverlap, 1);
  }

  release(): Promise<void> {
    return this.session.release();
  }
}

/** The faces of one grid. Distances count in strides from the cell's top left corner. */
function decodeLevel(level: {
  /** [cells * 2] */
  scores: Float32Array;
  /** [cells * 2, 4]: left, top, right, bottom */
  edges: Float32Array;
  /** [cells * 2, 10]: x and y of five points */
  points: Float32Array | undefined;
  stride: number;
  columns: number;
  /** Frame pixels for each image pixel. */
  scale: number;
}): Detection[] {
  const { scores, edges, points, stride, columns, scale } = level;
  const found: Detection[] = [];
  for (const [i, score] of scores.entries()) {
    if (!(score >= minScore)) continue;
    const cell = Math.floor(i / anchorsPerCell);
    const toImage = (cells: number, distance: number) => ((cells + distance) * stride) / scale;
    const x = (distance: number) => toImage(cell % columns, distance);
    const y = (distance: number) => toImage(Math.floor(cell / columns), distance);
    const [left, top, right, bottom] = edges.subarray(4 * i, 4 * i + 4) as unknown as Box;
    const box: Box = [x(-left), y(-top), x(right), y(bottom)];
    if (!points) {
      found.push({ box, score });
      continue;
    }
    const pairs = Array.from(
      { length: 5 },
      (_, k): Point => [x(points[10 * i + 2 * k]!), y(points[10 * i + 2 * k + 1]!)],
    );
    found.push({ box, score, points5: pairs });
  }
  return found;
}
