import { applyAffine, type Point } from "./affine.js";
import { type Image, image } from "./image.js";
import { warpMesh } from "./mesh-warp.js";
import { estimateSimilarity } from "./similarity.js";

/** A picture of one face. */
export interface FacePicture {
  /** FFHQ-aligned. */
  readonly image: Image;
  /** The usual 68 landmarks, in the image's pixels. */
  readonly landmarks: readonly Point[];
}

/** How far the mixed region reaches from the brows towards the hair, in heights from brows to chin. More brings fringes. */
const foreheadShare = 0.1;
/** Width of the seam, as a share of the image. */
const seamShare = 0.06;
/** How much contrast may change when one face gets the other's light. */
const contrastRange = [0.6, 1.6] as const;

/**
 * A face between two others, in the head of the first: features and outline go from the head's own to the other face's.
 * Hair, neck and background stay the head's; so do light and tone of the skin.
 *
 * Source: landmark-based morphing, as of the face morphing literature (Ferrara 2014, "The magic passport"): both are warped
 * to the shape between them, then blended; here only within the face, and with the head's colours.
 * @param share of the other face, 0 to 1
 * @returns the picture, as large as the head's, its landmarks, and by how many levels of 255 the two differ along the seam
 */
export function mixFaces(
  head: FacePicture,
  other: FacePicture,
  share: number,
): FacePicture & { readonly seam: number } {
  const { widthPx, heightPx } = head.image;
  const landmarks = shapeBetween(head.landmarks, other.landmarks, share);
  const mesh = (points: readonly Point[]) => [...points, ...forehead(points), ...frame(widthPx, heightPx)];
  const warp = ({ image, landmarks: from }: FacePicture) => warpMesh(image, mesh(from), mesh(landmarks));
  const [below, above] = [warp(head), warp(other)];
  const mask = faceMask([...landmarks.slice(0, 17), ...forehead(landmarks).reverse()], widthPx, heightPx);
  matchColours(above, below, mask);
  const data = new Uint8Array(below.data.length);
  let [seamPixels, difference] = [0, 0];
  for (const [pixel, inside] of mask.entries()) {
    const weight = share * inside;
    const onSeam = inside > 0 && inside < 1 ? 1 : 0;
    seamPixels += onSeam;
    for (let i = 3 * pixel; i < 3 * pixel + 3; i++) {
      data[i] = (1 - weight) * below.data[i]! + weight * above.data[i]! + 0.5;
      difference += (onSeam * Math.abs(above.data[i]! - below.data[i]!)) / 3;
    }
  }
  return { image: image(widthPx, heightPx, data), landmarks, seam: difference / seamPixels };
}

/**
 * How differently two faces stand and what else tells their shapes apart: root mean square distance of landmarks after
 * the best similarity, as a share of the first face's height from brows to chin.
 */
export function shapeDistance(a: readonly Point[], b: readonly Point[]): number {
  const moved = moveOnto(b, a);
  const squares = a.map(([x, y], i) => (x - moved[i]![0]) ** 2 + (y - moved[i]![1]) ** 2);
  return Math.sqrt(squares.reduce((sum, value) => sum + value, 0) / a.length) / Math.hypot(...upwards(a));
}

function shapeBetween(a: readonly Point[], b: readonly Point[], share: number): Point[] {
  const moved = moveOnto(b, a);
  return a.map(([x, y], i) => [x + share * (moved[i]![0] - x), y + share * (moved[i]![1] - y)]);
}

function moveOnto(points: readonly Point[], target: readonly Point[]): Point[] {
  const move = estimateSimilarity(points, target);
  return points.map((point) => applyAffine(move, point));
}

/** From the chin to between the brows. */
function upwards(landmarks: readonly Point[]): Point {
  const [[chinX, chinY], [leftX, leftY], [rightX, rightY]] = [landmarks[8]!, landmarks[21]!, landmarks[22]!];
  return [(leftX + rightX) / 2 - chinX, (leftY + rightY) / 2 - chinY];
}

/** The brows' ten points, moved towards the hair; left to right. */
function forehead(landmarks: readonly Point[]): Point[] {
  const [dx, dy] = upwards(landmarks);
  return landmarks.slice(17, 27).map(([x, y]) => [x + foreheadShare * dx, y + foreheadShare * dy]);
}

/** Corners and middles of the edges: what holds the background in its place. */
function frame(widthPx: number, heightPx: number): Point[] {
  const [right, bottom] = [widthPx - 1, heightPx - 1];
  return [0, 0.5, 1].flatMap((x) =>
    [0, 0.5, 1].flatMap((y) => (x === 0.5 && y === 0.5 ? [] : [[x * right, y * bottom] as const])),
  );
}

/** 1 within the outline, falling softly to 0 before it. @returns float32 [heightPx widthPx] */
function faceMask(outline: readonly Point[], widthPx: number, heightPx: number): Float32Array {
  const mask = new Float32Array(widthPx * heightPx);
  const seamPx = seamShare * widthPx;
  const edges = outline.map(([x0, y0], i) => {
    const [x1, y1] = outline[(i + 1) % outline.length]!;
    const [dx, dy] = [x1 - x0, y1 - y0];
    return { x0, y0, y1, dx, dy, square: dx * dx + dy * dy || 1 };
  });
  const [xs, ys] = [outline.map(([x]) => x), outline.map(([, y]) => y)];
  const [firstX, lastX] = [Math.max(0, Math.ceil(Math.min(...xs))), Math.min(widthPx - 1, Math.max(...xs))];
  const [firstY, lastY] = [Math.max(0, Math.ceil(Math.min(...ys))), Math.min(heightPx - 1, Math.max(...ys))];
  for (let y = firstY; y <= lastY; y++) {
    for (let x = firstX; x <= lastX; x++) {
      let inside = false;
      let nearest = Number.POSITIVE_INFINITY;
      for (const { x0, y0, y1, dx, dy, square } of edges) {
        const [fromX, fromY] = [x - x0, y - y0];
        if (y0 > y !== y1 > y && fromX < (fromY / dy) * dx) inside = !inside;
        const along = Math.max(0, Math.min(1, (fromX * dx + fromY * dy) / square));
        nearest = Math.min(nearest, (fromX - along * dx) ** 2 + (fromY - along * dy) ** 2);
      }
      const depth = inside ? Math.min(1, Math.sqrt(nearest) / seamPx) : 0;
      mask[y * widthPx + x] = depth * depth * (3 - 2 * depth);
    }
  }
  return mask;
}

/** Gives an image, within a mask, the mean and the contrast that another has there, channel by channel. */
function matchColours(changed: Image, model: Image, mask: Float32Array): void {
  for (let channel = 0; channel < 3; channel++) {
    const own = momentsOf(changed, mask, channel);
    const wanted = momentsOf(model, mask, channel);
    const [least, most] = contrastRange;
    const gain = Math.max(least, Math.min(most, wanted.deviation / Math.max(1, own.deviation)));
    for (let i = channel; i < changed.data.length; i += 3) {
      const value = wanted.mean + gain * (changed.data[i]! - own.mean);
      changed.data[i] = Math.max(0, Math.min(255, value + 0.5));
    }
  }
}

function momentsOf({ data }: Image, mask: Float32Array, channel: number): { mean: number; deviation: number } {
  let [weights, sum, squares] = [0, 0, 0];
  for (const [pixel, weight] of mask.entries()) {
    const value = data[3 * pixel + channel]!;
    weights += weight;
    sum += weight * value;
    squares += weight * value * value;
  }
  const mean = sum / weights;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / weights - mean * mean)) };
}
