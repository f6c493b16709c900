import { arcFaceSizePx, arcFaceTransform } from "../image/arcface.js";
import type { Image } from "../image/image.js";
import type { Face } from "./face-finder.js";
import { luma } from "./network-input.js";
import { estimatePose, type HeadPose } from "./pose.js";
import type { Calibration } from "./recogniser.js";

/** How much can be expected of a face's embedding. */
export interface FaceQuality {
  /** 0 to 1: that of the worst part. Above 0.5 nothing is wrong. */
  readonly score: number;
  /** Side in image pixels of the square that becomes the ArcFace crop; undefined for crops. */
  readonly sizePx: number | undefined;
  /** Undefined for crops. */
  readonly pose: HeadPose | undefined;
  /** Share of the crop's contrast that is finer than three pixels. */
  readonly sharpness: number;
  /** In plain words, what is wrong; the worst first. */
  readonly reasons: readonly string[];
}

/** One part of the figure: 0 at `worst` and beyond, 1 at `best` and beyond. */
interface Part {
  readonly value: number;
  readonly worst: number;
  readonly best: number;
  /** Said if the part is below a half. */
  readonly reason: string;
}

/**
 * Judges a face by what recognisers depend on: its size, how far it is turned, its sharpness, and the length of its
 * embedding, which is short where the recogniser sees little of a face (Meng 2021, MagFace; Kim 2022, AdaFace). The
 * ranges are set by eye on portraits that were shrunk, turned and blurred.
 * @param norm of the embedding; left out if there is none yet
 */
export function assessQuality(given: {
  crop: Image;
  face: Face | undefined;
  norm?: number;
  calibration?: Calibration | undefined;
}): FaceQuality {
  const { crop, face, norm, calibration } = given;
  const sharpness = measureSharpness(crop);
  const parts: Part[] = [{ value: sharpness, worst: 0.02, best: 0.1, reason: "the face is blurred" }];
  const sizePx = face && cropSidePx(face);
  if (sizePx !== undefined) {
    const reason = `the face is small: ${Math.round(sizePx)} pixels where 112 are needed`;
    parts.push({ value: sizePx, worst: 16, best: 112, reason });
  }
  const pose = face && estimatePose(face.landmarks);
  if (pose) {
    const [yaw, pitch] = [Math.abs(pose.yaw), Math.abs(pose.pitch)];
    const turned = `the face is turned to the side, by about ${Math.round(yaw)} degrees`;
    const tilted = `the face looks ${pose.pitch > 0 ? "up" : "down"}, by about ${Math.round(pitch)} degrees`;
    parts.push({ value: -yaw, worst: -70, best: -20, reason: turned });
    parts.push({ value: -pitch, worst: -60, best: -20, reason: tilted });
  }
  if (norm !== undefined && calibration?.norms) {
    const reason = "the recogniser makes little of the face; it may be covered, badly lit, or no face";
    parts.push({ value: norm, worst: calibration.norms.noise, best: calibration.norms.typical, reason });
  }
  const rated = parts.map((part) => ({ score: rate(part), reason: part.reason })).sort((a, b) => a.score - b.score);
  const reasons = rated.filter(({ score }) => score < 0.5).map(({ reason }) => reason);
  return { score: rated[0]!.score, sizePx, pose, sharpness, reasons };
}

/** Side in image pixels of the square that becomes the ArcFace crop. */
function cropSidePx({ points5 }: Face): number {
  const [a, , , d] = arcFaceTransform(points5);
  return arcFaceSizePx / Math.hypot(a, d);
}

function rate({ value, worst, best }: Part): number {
  return Math.min(1, Math.max(0, (value - worst) / (best - worst)));
}

/**
 * Contrast that a blur over 3x3 pixels removes, as a share of all contrast, in the middle of the crop (what lies around
 * the face says nothing of its sharpness).
 */
export function measureSharpness(crop: Image): number {
  const { widthPx, heightPx } = crop;
  const grey = luma(crop);
  const [marginX, marginY] = [Math.max(1, Math.round(widthPx / 4)), Math.max(1, Math.round(heightPx / 4))];
  let count = 0;
  let sum = 0;
  let squares = 0;
  let fine = 0;
  for (let y = marginY; y < heightPx - marginY; y++) {
    for (let x = marginX; x < widthPx - marginX; x++) {
      const at = y * widthPx + x;
      let blurred = 0;
      for (let row = at - widthPx; row <= at + widthPx; row += widthPx)
        blurred += grey[row - 1]! + grey[row]! + grey[row + 1]!;
      const value = grey[at]!;
      fine += (value - blurred / 9) ** 2;
      sum += value;
      squares += value * value;
      count++;
    }
  }
  const variance = squares / count - (sum / count) ** 2;
  return variance < 1e-6 ? 0 : Math.sqrt(fine / count / variance);
}
