import { type Affine, checkPoints, type Point } from "./affine.js";
import type { Image } from "./image.js";
import { estimateSimilarity } from "./similarity.js";
import { warpAffine } from "./warp.js";

/** Side of the crop that ArcFace recognisers take. */
export const arcFaceSizePx = 112;

/**
 * Where ArcFace recognisers expect the eyes (the person's right one first, which is left in the image), the tip of the
 * nose and the corners of the mouth, in a 112x112 crop.
 * Source: Deng 2019 (ArcFace), as published with insightface.
 */
export const arcFaceTemplate: readonly Point[] = [
  [38.2946, 51.6963],
  [73.5318, 51.5014],
  [56.0252, 71.7366],
  [41.5493, 92.3655],
  [70.7299, 92.2041],
];

/**
 * The similarity transform from an image to its ArcFace crop.
 * @param points5 eyes, nose, mouth corners in the template's order, in the image's pixels
 * @throws InputError if there are not five finite points, or they coincide
 */
export function arcFaceTransform(points5: readonly Point[]): Affine {
  checkPoints(points5, 5, "ArcFace alignment");
  return estimateSimilarity(points5, arcFaceTemplate);
}

/**
 * Crops a face as ArcFace recognisers expect it; black beyond the image.
 * Source: insightface `norm_crop`. It samples single points; so do we where the face is enlarged, while a face that is
 * shrunk is averaged over its pixels, which leaves it without the noise that single points pick up.
 * @param points5 eyes, nose, mouth corners in the template's order, in the image's pixels
 * @returns 112x112
 * @throws InputError if there are not five finite points, or they coincide
 */
export function alignArcFace(image: Image, points5: readonly Point[]): Image {
  return warpAffine(image, arcFaceTransform(points5), { widthPx: arcFaceSizePx, heightPx: arcFaceSizePx });
}
