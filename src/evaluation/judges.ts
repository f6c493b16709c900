import { type CropTemplate, largestFace, toArcFaceCrop } from "../face/embed.js";
import type { FaceFinder } from "../face/face-finder.js";
import { recogniseFaces } from "../face/likeness.js";
import type { Recogniser } from "../face/recogniser.js";
import { alignArcFace, arcFaceTemplate } from "../image/arcface.js";
import type { Image } from "../image/image.js";

/** What is used of a recogniser. */
export type Judge = Pick<Recogniser, "id" | "calibration" | "align" | "embed">;

/** A recogniser by whose threshold images are judged. */
export interface Threshold {
  readonly name: string;
  /** Cosine from which two photos show one person; null where nobody measured it. */
  readonly threshold: number | null;
}

/** The networks that judge images. */
export interface Judges {
  readonly finder: Pick<FaceFinder, "find">;
  /** The one whose embeddings the generator is given. */
  readonly recogniser: Judge;
  /** An independent one, which the generator cannot have learnt to please. */
  readonly second: Judge;
}

/** A face as both recognisers see it; embeddings of unit length. */
export interface JudgedFace {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

/** @param given instead of what was measured of the recogniser, if it was */
export function thresholdOf({ id, calibration }: Judge, given?: number): Threshold {
  return { name: id.name, threshold: given ?? calibration?.threshold ?? null };
}

/**
 * Judges a photo of a person: its largest face.
 * @param aligned the photo is a crop of 112x112 already
 * @returns the ArcFace crop, too, to be shown
 * @throws NoFaceError if there is no face; InputError if a crop has another size
 */
export async function judgeInput(
  { finder, recogniser, second }: Judges,
  photo: Image,
  { aligned, signal }: { aligned?: CropTemplate | undefined; signal?: AbortSignal | undefined },
): Promise<JudgedFace & { readonly crop: Image }> {
  const image = aligned ? toArcFaceCrop(photo, aligned) : photo;
  const points5 = aligned ? arcFaceTemplate : largestFace(await finder.find(image, signal)).points5;
  const embed = async (judge: Judge) => (await judge.embed([judge.align(image, points5)], signal))[0]!.embedding;
  return { first: await embed(recogniser), second: await embed(second), crop: alignArcFace(image, points5) };
}

/** Judges generated images; those that show no upright face give undefined. */
export async function judgeImages(
  { finder, recogniser, second }: Judges,
  images: readonly Image[],
  signal?: AbortSignal,
): Promise<(JudgedFace | undefined)[]> {
  const faces = await recogniseFaces({ finder, recogniser }, images, signal);
  const crops = faces.flatMap((found, i) => (found ? [second.align(images[i]!, found.face.points5)] : []));
  const seconds = (await second.embed(crops, signal)).values();
  return faces.map((found) => found && { first: found.embedding, second: seconds.next().value!.embedding });
}
