import type { RecogniserId } from "../../face/recogniser.js";
import type { Face } from "../api/faces.js";

/** A face in a photo, as it is kept until an identity is made of it. */
export interface AnalysedFace extends Omit<Face, "index" | "thumbnail"> {
  /** float32 [E], unit norm */
  readonly embedding: Float32Array;
  readonly norm: number;
  /** JPEG of the aligned face. */
  readonly thumbnail: Uint8Array;
  /** JPEG of the face with what is around it; all that is kept of a photo. */
  readonly portrait: Uint8Array;
}

export interface AnalysedPhoto {
  readonly widthPx: number;
  readonly heightPx: number;
  /** The largest first. */
  readonly faces: readonly AnalysedFace[];
}

/** How much an image shows the person that it was made of. */
export interface Resemblance {
  readonly faceFound: boolean;
  /** Cosine, -1 to 1; null without a face. */
  readonly similarity: number | null;
}

export interface AnalyserDescription {
  readonly recogniser: RecogniserId;
  /** Cosine from which two faces are one person's; undefined for recognisers that nobody measured. */
  readonly threshold: number | undefined;
}

/** Looks at photos and images: decodes them, finds faces, embeds them. */
export interface FaceAnalyser {
  describe(): Promise<AnalyserDescription>;
  /**
   * @throws InputError if it is no picture that can be read, or too large
   * @throws NoFaceError if it shows no face
   */
  analyse(photo: Uint8Array): Promise<AnalysedPhoto>;
  /** @param faceEmbedding float32 [E], unit norm, of the same recogniser */
  compare(png: Uint8Array, faceEmbedding: Float32Array): Promise<Resemblance>;
  release(): Promise<void>;
}

/** What the analyser's thread is asked. */
export type FaceRequest =
  | { readonly kind: "describe" }
  | { readonly kind: "analyse"; readonly photo: Uint8Array }
  | { readonly kind: "compare"; readonly png: Uint8Array; readonly faceEmbedding: Float32Array };

export type FaceReply =
  | { readonly ok: true; readonly result: AnalyserDescription | AnalysedPhoto | Resemblance }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** What the thread begins with. */
export interface FaceThreadOptions {
  readonly detector: string | undefined;
  readonly recogniser: string | undefined;
  readonly maxPixels: number;
  readonly threads: number | undefined;
}
