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

/** A person with the images that were made of them. */
export interface JudgedIdentity {
  readonly name: string;
  readonly input: JudgedFace;
  /** The input's ArcFace crop as a JPEG, to be shown. */
  readonly inputJpeg: Uint8Array;
  readonly images: readonly JudgedImage[];
  /** Mean {@link pixelDistance} of all pairs of images; null of one image. */
  readonly pixelDiversity: number | null;
}

export interface IdentityEvaluation {
  readonly identities: readonly JudgedIdentity[];
  /** Inputs that could not be used, and why. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Makes images of people, finds the faces in them, and embeds those again, by the generator's recogniser and by another.
 * A photo that cannot be read or shows no face is put down, and the others go on.
 * Source: Arc2Face §4.1.
 * @throws InputError if no input can be used, or the output folder cannot
 */
export async function evaluateIdentity(options: IdentityOptions): Promise<IdentityEvaluation> {
  const { inputs, signal, onProgress } = options;
  const identities: JudgedIdentity[] = [];
  const skipped: { name: string; reason: string }[] = [];
  for (const [i, input] of inputs.entries()) {
    signal?.throwIfAborted();
    const face = await readInput(input, options);
    if ("reason" in face) skipped.push({ name: input.name, reason: face.reason });
    else identities.push(await judgeIdentity(input.name, face, options));
    onProgress?.(i + 1, inputs.length);
  }
  if (identities.length === 0) {
    const { name, reason } = skipped[0] ?? { name: "the folder", reason: "it holds no photo" };
    throw new InputError(`none of the ${inputs.length} photos can be used; ${name}: ${reason}`);
  }
  return { identities, skipped };
}

async function readInput({ photo }: IdentityInput, { judges, aligned, signal }: IdentityOptions) {
  try {
    return await judgeInput(judges, await decodeImage(await photo.read(), { name: photo.name }), { aligned, signal });
  } catch (error) {
    if (error instanceof InputError) return { reason: error.message };
    throw error;
  }
}

async function judgeIdentity(
  name: string,
  { crop, first, second }: Awaited<ReturnType<typeof judgeInput>>,
  { model, judges, request, out, signal }: IdentityOptions,
): Promise<JudgedIdentity> {
  const asked = { ...request, faceEmbedding: first };
  const kept = await keepImages({ model, request: asked, out, stem: name, signal });
  const pictures = kept.map(({ image }) => image);
  const faces = await judgeImages(judges, pictures, signal);
  return {
    name,
    input: { first, second },
    inputJpeg: await encodeJpeg(crop, 85),
    images: kept.map(({ file, seed }, i) => ({ file, seed, face: faces[i] })),
    pixelDiversity: meanOverPairs(pictures, pixelDistance),
  };
}
