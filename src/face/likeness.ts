import { alignArcFace } from "../image/arcface.js";
import type { Image } from "../image/image.js";
import { largestFace } from "./embed.js";
import type { Face, FaceFinder } from "./face-finder.js";
import { cosine } from "./identity.js";
import type { Embedding, Recogniser } from "./recogniser.js";

/** The networks that look at generated images, as they would at photos. */
export interface LikenessNetworks {
  readonly finder: Pick<FaceFinder, "find">;
  readonly recogniser: Pick<Recogniser, "embed">;
}

/** The face of a generated image. */
export interface RecognisedFace extends Embedding {
  readonly face: Face;
  /** 112x112 */
  readonly crop: Image;
}

/** How much a generated image shows the person that it was made of. */
export type Likeness =
  | {
      readonly faceFound: true;
      /** Cosine of the image's embedding to the given one, -1 to 1. */
      readonly similarity: number;
      readonly found: RecognisedFace;
    }
  | { readonly faceFound: false; readonly similarity: null };

/**
 * Finds and embeds the face of each generated image. It must stand upright: what is found in an image that was turned
 * is a mistake of the generator, or of the detector. Neither are small faces looked for, which takes long in vain.
 * @param images a batch; all are looked at at once
 * @returns for each image its largest face, or undefined if it shows none
 */
export async function recogniseFaces(
  { finder, recogniser }: LikenessNetworks,
  images: readonly Image[],
  signal?: AbortSignal,
): Promise<(RecognisedFace | undefined)[]> {
  const aligned = await Promise.all(
    images.map(async (image) => {
      const upright = await finder.find(image, signal, { upright: true });
      if (upright.length === 0) return undefined;
      const face = largestFace(upright);
      return { face, crop: alignArcFace(image, face.points5) };
    }),
  );
  const crops = aligned.flatMap((one) => (one ? [one.crop] : []));
  const embeddings = (await recogniser.embed(crops, signal)).values();
  return aligned.map((one) => one && { ...one, ...(embeddings.next().value as Embedding) });
}

/**
 * How similar each generated image is to the face that it was made of.
 * @param images a batch; all are looked at at once
 * @param faceEmbedding float32 [E], unit norm, of the same recogniser
 */
export async function measureLikeness(
  networks: LikenessNetworks,
  images: readonly Image[],
  faceEmbedding: Float32Array,
  signal?: AbortSignal,
): Promise<Likeness[]> {
  const faces = await recogniseFaces(networks, images, signal);
  return faces.map((found) =>
    found
      ? { faceFound: true, similarity: cosine(found.embedding, faceEmbedding), found }
      : { faceFound: false, similarity: null },
  );
}
