import type { Point } from "../image/affine.js";
import type { Image } from "../image/image.js";
import { type Box, boxArea, type FaceDetector } from "./detection.js";
import { ladder, mapBox, mapPoints, type Rung, type View } from "./ladder.js";
import { LandmarkNetwork, points5Of } from "./landmarks.js";
import { loadDetector } from "./load-detector.js";
import type { LoadNetworkOptions, WeightsFile } from "./weights-file.js";

/** A face in an image; all places in the image's pixels. */
export interface Face {
  /** Upright, also around a face that is not. */
  readonly box: Box;
  /** The detector's confidence, 0 to 1. */
  readonly score: number;
  /** The usual 68 landmarks. */
  readonly landmarks: readonly Point[];
  /** Eyes, nose, mouth corners in ArcFace's order: the detector's, or else those of the landmarks. */
  readonly points5: readonly Point[];
  /** Of two looks at the landmarks; see {@link Landmarks}. */
  readonly disagreement: number;
  /** What it took to find the face. */
  readonly rung: Rung;
}

export interface FaceFinderOptions extends LoadNetworkOptions {
  /** Source of the detector; see {@link loadDetector}. */
  readonly detector?: string | undefined;
}

/** Below, the face surely stands as it seems to; above, another rung may show it better. */
const steadyLimit = 0.045;
/** Above, what the detector saw is no face, or stands on its head. */
const noFaceLimit = 0.1;

/** Whether two looks at the face's landmarks agree. */
export function isSteady({ disagreement }: Face): boolean {
  return disagreement <= steadyLimit;
}

const uprightRungs: readonly Rung[] = ["as it is", "padded"];

/** Finds faces and their landmarks. */
export class FaceFinder {
  constructor(
    private readonly detector: FaceDetector,
    private readonly landmarks: Pick<LandmarkNetwork, "locate" | "networkMs" | "release">,
    /** The networks' files, with their licences. */
    readonly files: readonly WeightsFile[],
  ) {}

  /** @throws as {@link loadDetector} */
  static async load({ detector: source, ...options }: FaceFinderOptions = {}): Promise<FaceFinder> {
    const { detector, file } = await loadDetector(source, options);
    const landmarks = await LandmarkNetwork.load("landmarks-68", options).catch(async (error) => {
      await detector.release();
      throw error;
    });
    return new FaceFinder(detector, landmarks, [file, landmarks.file]);
  }

  /** Time inside the networks so far, in milliseconds. */
  get networkMs(): number {
    return this.detector.networkMs + this.landmarks.networkMs;
  }

  /**
   * Climbs the ladder until a face is found whose landmarks are steady.
   * @param options `upright`: only the image as it is and with a margin, for images that should show a large upright face
   * @returns all faces that the rung shows, the largest box first; empty if no rung shows any
   */
  async find(image: Image, signal?: AbortSignal, { upright = false }: { upright?: boolean } = {}): Promise<Face[]> {
    let best: Face[] = [];
    for (const view of ladder(image, this.detector.otherZooms)) {
      if (upright && !uprightRungs.includes(view.rung)) break;
      if (view.zoom > 1 && fillsTile(best, image, view.zoom)) continue;
      const faces = await this.look(view, signal);
      if (faces.some(isSteady)) return faces;
      if (leastDisagreement(faces) < leastDisagreement(best)) best = faces;
    }
    return best;
  }

  /** The faces of one rung. */
  private async look({ view, toImage, zoom, rung }: View, signal: AbortSignal | undefined): Promise<Face[]> {
    const faces: Face[] = [];
    for (const { box, score, points5 } of await this.detector.detect(view, { zoom, signal })) {
      const { points, disagreement } = await this.landmarks.locate(view, box, points5, signal);
      if (disagreement > noFaceLimit) continue;
      faces.push({
        box: mapBox(toImage, box),
        score,
        landmarks: mapPoints(toImage, points),
        points5: mapPoints(toImage, points5 ?? points5Of(points)),
        disagreement,
        rung,
      });
    }
    return faces.sort((a, b) => boxArea(b.box) - boxArea(a.box));
  }

  /** Frees the networks. */
  async release(): Promise<void> {
    await Promise.all([this.detector.release(), this.landmarks.release()]);
  }
}

/**
 * Whether a face was found that is too large for a closer look: that shows the image in tiles of its size over `zoom`,
 * which overlap by half, and may cut what is larger than half a tile.
 */
function fillsTile(faces: readonly Face[], { widthPx, heightPx }: Image, zoom: number): boolean {
  return faces.some(({ box: [, y0, , y1] }) => y1 - y0 > Math.max(widthPx, heightPx) / (2 * zoom));
}

function leastDisagreement(faces: readonly Face[]): number {
  return Math.min(...faces.map(({ disagreement }) => disagreement));
}
