import { type Affine, applyAffine, type Point } from "../image/affine.js";
import { type Image, solidImage } from "../image/image.js";
import type { Box } from "./detection.js";
import { pasteImage } from "./letterbox.js";

/** How an image was looked at when faces were found. */
export type Rung = "as it is" | "padded" | `zoom ${number}` | `turned by ${90 | 180 | 270}`;

/** An image as one rung shows it to the detector. */
export interface View {
  readonly rung: Rung;
  /** The image, padded or turned. */
  readonly view: Image;
  /** From the view's pixels to the image's. */
  readonly toImage: Affine;
  /** For the detector. */
  readonly zoom: number;
}

/** Grey, which detectors take for nothing at all; black has an edge against most photos. */
const paddingColour = [127, 127, 127] as const;

/**
 * Ever more ways to look for a face: the image as it is; with a margin half its size, for faces that fill it, such as
 * ArcFace crops; turned by quarters, with the margin; closer and from further off. Each is made when it is asked for.
 *
 * Turns come before zooms: they cost 3 looks instead of 58, and a close look at a turned photo finds false faces (on 100
 * portraits, turned three ways each, 30 of 300 with the zooms first).
 * @param zooms other than 1, that the detector can look at
 */
export function* ladder(image: Image, zooms: readonly number[]): Generator<View, void, void> {
  yield { rung: "as it is", view: image, toImage: identity, zoom: 1 };
  yield { rung: "padded", ...pad(image), zoom: 1 };
  for (const degrees of [90, 270, 180] as const) {
    const turned = turnImage(image, degrees);
    const padded = pad(turned.view);
    yield {
      rung: `turned by ${degrees}`,
      view: padded.view,
      toImage: compose(turned.toImage, padded.toImage),
      zoom: 1,
    };
  }
  for (const zoom of zooms) yield { rung: `zoom ${zoom}`, view: image, toImage: identity, zoom };
}

const identity: Affine = [1, 0, 0, 0, 1, 0];

function pad(image: Image): Pick<View, "view" | "toImage"> {
  const [left, top] = [Math.ceil(image.widthPx / 2), Math.ceil(image.heightPx / 2)];
  const view = solidImage(image.widthPx + 2 * left, image.heightPx + 2 * top, paddingColour);
  pasteImage(view, image, left, top);
  return { view, toImage: [1, 0, -left, 0, 1, -top] };
}

/** Turns an image clockwise. */
export function turnImage({ data, widthPx, heightPx }: Image, degrees: 90 | 180 | 270): Pick<View, "view" | "toImage"> {
  const [width, height] = degrees === 180 ? [widthPx, heightPx] : [heightPx, widthPx];
  const toImage: Affine =
    degrees === 90
      ? [0, 1, 0, -1, 0, heightPx - 1]
      : degrees === 180
        ? [-1, 0, widthPx - 1, 0, -1, heightPx - 1]
        : [0, -1, widthPx - 1, 1, 0, 0];
  const turned = new Uint8Array(data.length);
  const [a, b, c, d, e, f] = toImage;
  // Steps through the source for one pixel to the right and one down; both coordinates are whole.
  const [right, down] = [3 * (d * widthPx + a), 3 * (e * widthPx + b)];
  for (let y = 0, at = 0; y < height; y++) {
    let from = 3 * (f * widthPx + c) + y * down;
    for (let x = 0; x < width; x++, from += right) {
      turned[at++] = data[from]!;
      turned[at++] = data[from + 1]!;
      turned[at++] = data[from + 2]!;
    }
  }
  return { view: { data: turned, widthPx: width, heightPx: height }, toImage };
}

/** The map that does `first`, then `then`. */
function compose(then: Affine, first: Affine): Affine {
  const [a, b, , d, e] = then;
  const [cornerX, cornerY] = applyAffine(then, [first[2], first[5]]);
  return [
    a * first[0] + b * first[3],
    a * first[1] + b * first[4],
    cornerX,
    d * first[0] + e * first[3],
    d * first[1] + e * first[4],
    cornerY,
  ];
}

/** Maps all points. */
export function mapPoints(map: Affine, points: readonly Point[]): Point[] {
  return points.map((point) => applyAffine(map, point));
}

/** The upright box around a mapped box; turns by quarters keep it exact. */
export function mapBox(map: Affine, [x0, y0, x1, y1]: Box): Box {
  // Boxes are edges, a map takes centres of pixels: half a pixel lies between.
  const [ax, ay] = applyAffine(map, [x0 - 0.5, y0 - 0.5]);
  const [bx, by] = applyAffine(map, [x1 - 0.5, y1 - 0.5]);
  return [Math.min(ax, bx) + 0.5, Math.min(ay, by) + 0.5, Math.max(ax, bx) + 0.5, Math.max(ay, by) + 0.5];
}
