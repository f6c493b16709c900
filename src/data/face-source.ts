import { FaceFinder } from "../face/face-finder.js";
import { Recogniser, type RecogniserId } from "../face/recogniser.js";
import type { LoadNetworkOptions } from "../face/weights-file.js";
import { alignFfhq } from "../image/ffhq.js";
import type { Image } from "../image/image.js";
import { resizeImage } from "../image/resize.js";
import type { PreparedFace } from "./write-rows.js";

/** What turns photos into rows of a dataset. */
export interface FaceSource {
  readonly recogniser: RecogniserId;
  readonly embeddingSize: number;
  /** The largest face of a photo; undefined if there is none. */
  prepare(photo: Image, signal?: AbortSignal): Promise<PreparedFace | undefined>;
  release(): Promise<void>;
}

export interface FaceSourceOptions extends LoadNetworkOptions {
  /** Side of the crops. */
  readonly sizePx: number;
  /** The photos are FFHQ-aligned crops already: they are resized, and not aligned again. */
  readonly aligned: boolean;
  /** Source of the recogniser; default `mobilefacenet`. */
  readonly recogniser?: string | undefined;
}

/** Detection, alignment and recognition by networks. */
export async function loadFaceSource(options: FaceSourceOptions): Promise<FaceSource> {
  const { sizePx, aligned, recogniser: source, ...load } = options;
  const finder = await FaceFinder.load(load);
  const recogniser = await Recogniser.load(source, load);
  return {
    recogniser: recogniser.id,
    embeddingSize: recogniser.embeddingSize,
    async prepare(photo, signal) {
      const [face] = await finder.find(photo, signal);
      if (!face) return undefined;
      const crop = aligned ? await resizeImage(photo, sizePx, sizePx) : await alignFfhq(photo, face.landmarks, sizePx);
      const [embedded] = await recogniser.embed([recogniser.align(photo, face.points5)], signal);
      return embedded && { crop, embedding: embedded.embedding };
    },
    async release() {
      await Promise.all([finder.release(), recogniser.release()]);
    },
  };
}
