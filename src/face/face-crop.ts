import type { Point } from "../image/affine.js";
import { alignArcFace, arcFaceSizePx, arcFaceTransform } from "../image/arcface.js";
import type { Image } from "../image/image.js";
import { warpAffine } from "../image/warp.js";
import { dlibFaceSizePx } from "../models/dlib-resnet.js";
import type { PixelScale } from "./network-input.js";

/** How networks want faces cut. */
export interface FaceCrop {
  readonly sizePx: number;
  readonly pixelScale: PixelScale;
  /** @param points5 eyes, nose, mouth corners in ArcFace's order, in the image's pixels */
  align(image: Image, points5: readonly Point[]): Image;
}

/** By size, which is how a network says what it takes. */
export const faceCrops: readonly FaceCrop[] = [
  { sizePx: arcFaceSizePx, pixelScale: { mean: 127.5, std: 127.5 }, align: alignArcFace },
  // Its graph takes the mean colour off.
  { sizePx: dlibFaceSizePx, pixelScale: { mean: 0, std: 1 }, align: alignDlib },
];

/** The square that the network sees, in pixels of the ArcFace crop: medians over LFW of face-api's, see below. */
const dlibSquare = { left: 7.1, top: 23.8, sidePx: 97.6 } as const;

/**
 * Crops a face as dlib's recogniser expects it; black beyond the image.
 * Source: face-api `FaceLandmarks.alignDlib`: a square whose side is the mean distance from eyes to mouth over 0.45, with
 * the mean of eyes and mouth at half its width and 0.43 of its height. Here it is turned with the face, as in dlib
 * itself, and placed by the five points instead of 68 landmarks.
 * @param points5 eyes, nose, mouth corners in ArcFace's order, in the image's pixels
 * @returns 150x150
 */
function alignDlib(image: Image, points5: readonly Point[]): Image {
  const [a, b, c, d, e, f] = arcFaceTransform(points5);
  const { left, top, sidePx } = dlibSquare;
  const scale = dlibFaceSizePx / sidePx;
  const toCrop = [scale * a, scale * b, scale * (c - left), scale * d, scale * e, scale * (f - top)] as const;
  return warpAffine(image, toCrop, { widthPx: dlibFaceSizePx, heightPx: dlibFaceSizePx });
}
