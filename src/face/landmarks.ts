import { CheckpointError } from "../errors.js";
import { type Affine, applyAffine, invertAffine, type Point } from "../image/affine.js";
import { arcFaceTransform } from "../image/arcface.js";
import type { Image } from "../image/image.js";
import { warpAffine } from "../image/warp.js";
import type { Session } from "../runtime/session.js";
import { f32 } from "../tensor/tensor.js";
import type { Box } from "./detection.js";
import { luma } from "./network-input.js";
import { type LoadNetworkOptions, loadNetwork, type WeightsFile } from "./weights-file.js";

const sizePx = 64;

/** RFB-320's box of a face in its ArcFace crop, in pixels: medians over 100 portraits. */
const medianBox = { centreX: 56.6, centreY: 63.9, sidePx: 112.2 } as const;

/** The usual 68 landmarks (iBUG 300-W order). */
export interface Landmarks {
  /** In the image's pixels. */
  readonly points: readonly Point[];
  /**
   * Root mean square distance between the two looks at a face, as a share of its box's height. On 100 portraits and 290
   * LFW crops: median 0.01, 0.05 is exceeded by one in a hundred; on the same portraits upside down or on their side:
   * median 0.12, nineteen in twenty exceed 0.07.
   */
  readonly disagreement: number;
}

/** Finds the landmarks of a face. */
export class LandmarkNetwork {
  private constructor(
    private readonly session: Session,
    readonly file: WeightsFile,
  ) {}

  /**
   * @param source of an ONNX file that takes [1, 1, 64, 64] and gives [1, 136]; default the one in the catalog
   * @throws CheckpointError if the file is another network; and as {@link loadNetwork}
   */
  static async load(source = "landmarks-68", options: LoadNetworkOptions = {}): Promise<LandmarkNetwork> {
    const { session, file } = await loadNetwork(source, options);
    const fits = session.inputs[0]?.shape.join() === "1,1,64,64" && session.outputs[0]?.shape.at(-1) === 136;
    if (!fits) {
      await session.release();
      throw new CheckpointError(
        `${file.name} is no network of 68 landmarks: it must take [1, 1, 64, 64] and give [1, 136]`,
      );
    }
    return new LandmarkNetwork(session, file);
  }

  get networkMs(): number {
    return this.session.stats.totalRunMs;
  }

  /**
   * Looks twice: at the upright square of the box's height (or at the face as `points5` have it), and then at the face
   * turned upright and scaled by what the first look found, which is more exact. Where the two disagree there is no
   * face, or not one that stands as it seems to: the network draws a face into anything.
   * @param box of the face
   * @param points5 of the face, if the detector gives them
   */
  async locate(image: Image, box: Box, points5?: readonly Point[], signal?: AbortSignal): Promise<Landmarks> {
    const first = await this.look(image, points5 ? uprightToCrop(points5) : squareToCrop(box), signal);
    const points = await this.look(image, uprightToCrop(points5Of(first)), signal);
    return { points, disagreement: meanDistance(first, points) / (box[3] - box[1]) };
  }

  release(): Promise<void> {
    return this.session.release();
  }

  private async look(image: Image, toCrop: Affine, signal: AbortSignal | undefined): Promise<Point[]> {
    const crop = warpAffine(image, toCrop, { widthPx: sizePx, heightPx: sizePx });
    const grey = luma(crop);
    for (let i = 0; i < grey.length; i++) grey[i]! /= 256;
    const [input, output] = [this.session.inputs[0]!.name, this.session.outputs[0]!.name];
    const feeds = { [input]: f32([1, 1, sizePx, sizePx], grey) };
    const result = await this.session.run(feeds, { give: true, ...(signal && { signal }) });
    const shares = result[output]!.data as Float32Array;
    const toImage = invertAffine(toCrop);
    return Array.from({ length: 68 }, (_, i) =>
      applyAffine(toImage, [shares[2 * i]! * sizePx - 0.5, shares[2 * i + 1]! * sizePx - 0.5]),
    );
  }
}

/** Root mean square of the distances. */
function meanDistance(a: readonly Point[], b: readonly Point[]): number {
  const squares = a.map(([x, y], i) => (x - b[i]![0]) ** 2 + (y - b[i]![1]) ** 2);
  return Math.sqrt(squares.reduce((sum, value) => sum + value, 0) / squares.length);
}

/** From the image to the crop. Boxes and the crop's shares are edges; pixel (0, 0) has its centre half a pixel in. */
function squareToCrop([x0, y0, x1, y1]: Box): Affine {
  const sidePx = y1 - y0;
  const scale = sizePx / sidePx;
  const [left, top] = [(x0 + x1 - sidePx) / 2, y0];
  return [scale, 0, (0.5 - left) * scale - 0.5, 0, scale, (0.5 - top) * scale - 0.5];
}

/**
 * From the image to the crop, such that the face is upright and as large as RFB-320's boxes make it.
 */
function uprightToCrop(points5: readonly Point[]): Affine {
  const [a, b, c, d, e, f] = arcFaceTransform(points5);
  const scale = sizePx / medianBox.sidePx;
  const [left, top] = [medianBox.centreX - medianBox.sidePx / 2, medianBox.centreY - medianBox.sidePx / 2];
  return [scale * a, scale * b, scale * (c - left), scale * d, scale * e, scale * (f - top)];
}

/**
 * The five points of ArcFace's template, of 68 landmarks: middle of each eye's lids, tip of the nose, and the corners of
 * the mouth, each the mean of its outer and inner one.
 */
export function points5Of(landmarks: readonly Point[]): Point[] {
  const groups = [[37, 38, 40, 41], [43, 44, 46, 47], [30], [48, 60], [54, 64]];
  return groups.map((group) => meanPoint(group.map((i) => landmarks[i]!)));
}

function meanPoint(points: readonly Point[]): Point {
  const sum = points.reduce(([sumX, sumY], [x, y]) => [sumX + x, sumY + y] as const, [0, 0] as Point);
  return [sum[0] / points.length, sum[1] / points.length];
}
