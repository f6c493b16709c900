import { InputError, NoFaceError } from "../errors.js";
import type { FaceEmbedder } from "../face/embed.js";
import { mapPhotos, namePhoto, type PhotoBatchOptions } from "../face/photo-batch.js";
import { arcFaceTemplate } from "../image/arcface.js";
import { decodeImage } from "../image/decode.js";
import { f32 } from "../tensor/tensor.js";
import type { VerificationPair } from "./lfw-pairs.js";
import { evaluateVerification, pairCosines, type VerificationResult } from "./verification.js";

/** Verification of a recogniser, with what became of the photos. */
export interface RecogniserResult extends VerificationResult {
  /** Photos, each counted once. */
  readonly photos: number;
  /** Photos without a face; the middle of each was taken in its place, so that hard ones are not left out. */
  readonly withoutFace: readonly string[];
}

export interface EvaluatePairsOptions extends PhotoBatchOptions {
  readonly folds?: number | undefined;
}

/** A photo: a path, a file's content with a name, or what reads the content when its turn comes. */
export type PairPhoto =
  | string
  | { readonly name: string; readonly bytes: Uint8Array }
  | { readonly name: string; readonly read: () => Promise<Uint8Array> };

/**
 * Embeds every photo of the pairs once, and judges the pairs by the cosines.
 * @throws InputError if a photo cannot be read, or as {@link evaluateVerification}
 */
export async function evaluatePairs(
  pairs: readonly VerificationPair<PairPhoto>[],
  embedder: FaceEmbedder,
  { folds, signal, onProgress }: EvaluatePairsOptions = {},
): Promise<RecogniserResult> {
  const photos = [...new Set(pairs.flatMap(({ first, second }) => [first, second]))];
  const embedded = await mapPhotos(photos, (photo) => embedPhoto(photo, embedder, signal), { signal, onProgress });
  const embeddings = new Map(photos.map((photo, i) => [photo, embedded[i]!.embedding]));
  const withoutFace = photos.filter((_, i) => !embedded[i]!.isFound).map(nameOf);
  const rows = (side: "first" | "second") => {
    const vectors = pairs.map((pair) => embeddings.get(pair[side])!);
    const packed = new Float32Array(vectors.length * vectors[0]!.length);
    for (const [i, vector] of vectors.entries()) packed.set(vector, i * vector.length);
    return f32([vectors.length, vectors[0]!.length], packed);
  };
  const cosines = pairCosines(rows("first"), rows("second"));
  const same = pairs.map((pair) => pair.same);
  const result = evaluateVerification(cosines, same, folds === undefined ? {} : { folds });
  return { ...result, photos: photos.length, withoutFace: withoutFace.sort() };
}

async function embedPhoto(
  photo: PairPhoto,
  embedder: FaceEmbedder,
  signal: AbortSignal | undefined,
): Promise<{ embedding: Float32Array; isFound: boolean }> {
  const image = await decodeImage(await contentOf(photo), { name: nameOf(photo) });
  try {
    return { embedding: (await embedder.embed(image, signal)).embedding, isFound: true };
  } catch (error) {
    if (!(error instanceof NoFaceError)) throw error instanceof InputError ? namePhoto(error, nameOf(photo)) : error;
    // The whole image as a crop: its short side over the 112 pixels, its middle on the crop's.
    const scale = Math.min(image.widthPx, image.heightPx) / 112;
    const points = arcFaceTemplate.map(
      ([x, y]) => [image.widthPx / 2 + (x - 56) * scale, image.heightPx / 2 + (y - 56) * scale] as const,
    );
    const { recogniser } = embedder;
    const [embedding] = await recogniser.embed([recogniser.align(image, points)], signal);
    return { embedding: embedding!.embedding, isFound: false };
  }
}

async function contentOf(photo: PairPhoto): Promise<string | Uint8Array> {
  if (typeof photo === "string") return photo;
  return "bytes" in photo ? photo.bytes : photo.read();
}

function nameOf(photo: PairPhoto): string {
  return typeof photo === "string" ? photo : photo.name;
}
