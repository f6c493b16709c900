import { InputError } from "../errors.js";
import type { CropTemplate } from "../face/embed.js";
import { decodeImage } from "../image/decode.js";
import { encodeJpeg } from "../image/encode.js";
import type { GenerateRequest } from "../pipeline/request.js";
import type { IdentityInput } from "./inputs.js";
import { type JudgedFace, type Judges, judgeImages, judgeInput } from "./judges.js";
import { type Generator, keepImages } from "./kept-images.js";
import { meanOverPairs, pixelDistance } from "./similarities.js";

/** What is asked for each person; `seed` is that of the first image, and the same for all people. */
export type IdentityRequest = Pick<GenerateRequest, "steps" | "guidanceScale" | "sampler" | "batchSize"> & {
  readonly count: number;
  readonly seed: number;
};

export interface IdentityOptions {
  readonly inputs: readonly IdentityInput[];
  readonly model: Generator;
  readonly judges: Judges;
  readonly request: IdentityRequest;
  /** The inputs are crops of 112x112 already. Default: photos. */
  readonly aligned?: CropTemplate | undefined;
  /** Folder for the images; what an earlier run left there is not made again. */
  readonly out: string;
  readonly signal?: AbortSignal | undefined;
  /** Told after each person. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** A generated image as the judges see it. */
export interface JudgedImage {
  /** Below the output folder. */
  readonly file: string;
  readonly seed: number;
  /** Undefined if the image shows no face. */
  readonly face: JudgedFace | undefined;
}

/** A person as the input photo shows them. */
export interface Person {
  readonly name: string;
  readonly input: JudgedFace;
  /** The input's ArcFace crop as a JPEG, to be shown. */
  readonly inputJpeg: Uint8Array;
}

/** A person with the images that were made of them. */
export interface JudgedIdentity extends Person {
  readonly images: readonly JudgedImage[];
  /** Mean {@link pixelDistance} of all pairs of images; null of one image. */
  readonly pixelDiversity: number | null;
}

/** An input that could not be used, and why. */
export interface SkippedInput {
  readonly name: string;
  readonly reason: string;
}

export interface IdentityEvaluation {
  readonly identities: readonly JudgedIdentity[];
  readonly skipped: readonly SkippedInput[];
}

/**
 * Makes images of people, finds the faces in them, and embeds those again, by the generator's recogniser and by another.
 * Source: Arc2Face §4.1.
 * @throws as {@link forEachPerson}; InputError if the output folder cannot be used
 */
export async function evaluateIdentity(options: IdentityOptions): Promise<IdentityEvaluation> {
  const work = (person: Person) => judgePerson(person, person.input.first, person.name, options);
  const { results, skipped } = await forEachPerson(options, work);
  return { identities: results, skipped };
}

/**
 * Embeds the input photos, one after another, and does the work for each. A photo that cannot be read or shows no face is
 * put down, and the others go on.
 * @throws InputError if no input can be used; and as the work does
 */
export async function forEachPerson<T>(
  options: Omit<IdentityOptions, "model" | "request" | "out">,
  work: (person: Person) => Promise<T>,
): Promise<{ results: T[]; skipped: SkippedInput[] }> {
  const { inputs, signal, onProgress } = options;
  const results: T[] = [];
  const skipped: SkippedInput[] = [];
  for (const [i, input] of inputs.entries()) {
    signal?.throwIfAborted();
    const person = await readPerson(input, options);
    if ("reason" in person) skipped.push(person);
    else results.push(await work(person));
    onProgress?.(i + 1, inputs.length);
  }
  if (results.length > 0) return { results, skipped };
  const { name, reason } = skipped[0] ?? { name: "the folder", reason: "it holds no photo" };
  throw new InputError(`none of the ${inputs.length} photos can be used; ${name}: ${reason}`);
}

async function readPerson(
  { name, photo }: IdentityInput,
  { judges, aligned, signal }: Pick<IdentityOptions, "judges" | "aligned" | "signal">,
): Promise<Person | SkippedInput> {
  try {
    const image = await decodeImage(await photo.read(), { name: photo.name });
    const { crop, first, second } = await judgeInput(judges, image, { aligned, signal });
    return { name, input: { first, second }, inputJpeg: await encodeJpeg(crop, 85) };
  } catch (error) {
    if (error instanceof InputError) return { name, reason: error.message };
    throw error;
  }
}

/**
 * Makes and judges one person's images.
 * @param faceEmbedding that the generator is given
 * @param stem names the images' files
 */
export async function judgePerson(
  person: Person,
  faceEmbedding: Float32Array,
  stem: string,
  { model, judges, request, out, signal }: Pick<IdentityOptions, "model" | "judges" | "request" | "out" | "signal">,
): Promise<JudgedIdentity> {
  const kept = await keepImages({ model, request: { ...request, faceEmbedding }, out, stem, signal });
  const pictures = kept.map(({ image }) => image);
  const faces = await judgeImages(judges, pictures, signal);
  return {
    ...person,
    images: kept.map(({ file, seed }, i) => ({ file, seed, face: faces[i] })),
    pixelDiversity: meanOverPairs(pictures, pixelDistance),
  };
}
