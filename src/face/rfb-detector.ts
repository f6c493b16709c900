import type { Image } from "../image/image.js";
import { resizeImage } from "../image/resize.js";
import type { Session } from "../runtime/session.js";
import { type Box, type Detection, type DetectOptions, type FaceDetector, suppressOverlaps } from "./detection.js";
import { cropImage, letterbox } from "./letterbox.js";
import { packRgb } from "./network-input.js";

const widthPx = 320;
const heightPx = 240;
const pixelScale = { mean: 127, std: 128 };
/** What `pixelScale` makes zero, so that the frame around an image excites nothing. */
const background = [127, 127, 127] as const;
const minScore = 0.65;
const maxOverlap = 0.4;

/** Whether a network takes and gives what RFB-320 does. */
export function isRfb({ inputs, outputs }: Session): boolean {
  const names = outputs.map(({ name }) => name);
  return (
    inputs[0]?.shape.join() === `1,3,${heightPx},${widthPx}` && names.includes("scores") && names.includes("boxes")
  );
}

/**
 * RFB-320, a detector of 0.3 million parameters. Its graph decodes the boxes, for 320x240 pixels only; a closer look is
 * taken tile by tile.
 * Source: Linzaer 2019, Ultra-Light-Fast-Generic-Face-Detector-1MB; mean and thresholds as there. Deviation: the image
 * keeps its proportions.
 */
export class RfbDetector implements FaceDetector {
  readonly otherZooms = [2, 4];

  /** @param session of a network that {@link isRfb} */
  constructor(private readonly session: Session) {}

  get networkMs(): number {
    return this.session.stats.totalRunMs;
  }

  async detect(image: Image, { zoom = 1, signal }: DetectOptions = {}): Promise<Detection[]> {
    if (zoom <= 1) {
      const { image: frame, scale } = await letterbox(image, widthPx, heightPx, background);
      return suppressOverlaps(await this.look(frame, { scale, left: 0, top: 0 }, signal), maxOverlap);
    }
    const scale = zoom * Math.min(widthPx / image.widthPx, heightPx / image.heightPx);
    const enlarged = await resizeImage(image, Math.round(image.widthPx * scale), Math.round(image.heightPx * scale));
    const found: Detection[] = [];
    for (const top of tileStarts(enlarged.heightPx, heightPx)) {
      for (const left of tileStarts(enlarged.widthPx, widthPx)) {
        const [width, height] = [Math.min(widthPx, enlarged.widthPx), Math.min(heightPx, enlarged.heightPx)];
        const { image: frame } = await letterbox(
          cropImage(enlarged, left, top, width, height),
          widthPx,
          heightPx,
          background,
        );
        found.push(...(await this.look(frame, { scale, left, top }, signal)));
      }
    }
    return suppressOverlaps(found, maxOverlap);
  }

  release(): Promise<void> {
    return this.session.release();
  }

  private async look(
    frame: Image,
    { scale, left, top }: { scale: number; left: number; top: number },
    signal: AbortSignal | undefined,
  ): Promise<Detection[]> {
    const feeds = { [this.session.inputs[0]!.name]: packRgb([frame], pixelScale) };
    const { scores, boxes } = await this.session.run(feeds, { give: true, ...(signal && { signal }) });
    const toImage = (share: number, sizePx: number, start: number) => (share * sizePx + start) / scale;
    const found: Detection[] = [];
    const [score, edges] = [scores!.data as Float32Array, boxes!.data as Float32Array];
    for (let i = 0; i < score.length / 2; i++) {
      if (!(score[2 * i + 1]! >= minScore)) continue;
      const [x0, y0, x1, y1] = edges.subarray(4 * i, 4 * i + 4) as unknown as Box;
      const box: Box = [
        toImage(x0, widthPx, left),
        toImage(y0, heightPx, top),
        toImage(x1, widthPx, left),
        toImage(y1, heightPx, top),
      ];
      found.push({ box, score: score[2 * i + 1]! });
    }
    return found;
  }
}

/** Starts of tiles that overlap by half, so that no face smaller than half a tile is cut in all of them. */
function tileStarts(sizePx: number, tilePx: number): number[] {
  const steps = Math.max(0, Math.ceil((sizePx - tilePx) / (tilePx / 2)));
  return Array.from({ length: steps + 1 }, (_, i) => (steps === 0 ? 0 : Math.round((i * (sizePx - tilePx)) / steps)));
}
