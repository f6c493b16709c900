import type { Dataset } from "../data/dataset.js";
import { InputError } from "../errors.js";
import { cosine } from "../face/identity.js";
import { packRgb } from "../face/network-input.js";
import { exportOnnx } from "../graph/export.js";
import { input } from "../graph/value.js";
import { FileWeights, Weights } from "../graph/weights.js";
import { type Image, image } from "../image/image.js";
import { toImages } from "../image/network-output.js";
import { contactSheet } from "../image/sheet.js";
import { type Autoencoder, decode, encode, latentFactor } from "../models/autoencoder.js";
import { Session, type SessionOptions } from "../runtime/session.js";
import type { SafetensorsFile } from "../tensor/safetensors.js";
import type { Tensor } from "../tensor/tensor.js";
import { evenly } from "./evenly.js";
import type { Side } from "./identity-summary.js";
import { type JudgedFace, type Judges, judgeImages, type Threshold } from "./judges.js";
import { mean, psnr, shareFrom } from "./similarities.js";

export interface ReconstructionOptions extends Pick<SessionOptions, "device" | "threads"> {
  readonly dataset: Dataset;
  readonly autoencoder: Autoencoder & { readonly weights: SafetensorsFile };
  readonly judges: Judges;
  /** Most images, taken evenly from all. */
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** An image of the dataset and what the autoencoder leaves of it. */
export interface Reconstruction {
  readonly original: Image;
  readonly reconstruction: Image;
  readonly psnr: number;
  /** The original's face. */
  readonly input: JudgedFace;
  /** Undefined if the reconstruction shows no face. */
  readonly face: JudgedFace | undefined;
}

/** The figures; docs/evaluation.md defines them. Null where there is nothing to take a mean of. */
export interface ReconstructionSummary {
  readonly images: number;
  readonly psnr: number;
  readonly meanSimilarity: number | null;
  readonly shareAboveThreshold: number | null;
  readonly shareFaceFound: number;
  readonly secondRecogniser: {
    readonly name: string;
    readonly meanSimilarity: number | null;
    readonly shareAboveThreshold: number | null;
  };
}

/** On the sheet at most. */
const shownPairs = 50;
/** Pixels as the network takes them: [-1, 1]. */
const pixelScale = { mean: 127.5, std: 127.5 };

/**
 * Encodes and decodes images of a dataset, and judges how much of the people is left. Images in which no face is found are
 * left out.
 * @throws InputError if no image shows a face, or the images do not divide into latents
 */
export async function evaluateReconstruction(options: ReconstructionOptions): Promise<readonly Reconstruction[]> {
  const { dataset, judges, limit, signal, onProgress } = options;
  const { sizePx } = dataset.index;
  const session = await loadAutoencoder(options, sizePx);
  try {
    const rows = evenly(
      Array.from({ length: dataset.count }, (_, row) => row),
      limit,
    );
    const results: Reconstruction[] = [];
    for (const [done, row] of rows.entries()) {
      signal?.throwIfAborted();
      const original = image(sizePx, sizePx, await dataset.readImage(row));
      const { pixels } = await session.run({ images: packRgb([original], pixelScale) }, signal ? { signal } : {});
      const reconstruction = toImages((pixels as Tensor<"f32">).data, original)[0]!;
      const [input, face] = await judgeImages(judges, [original, reconstruction], signal);
      if (input) results.push({ original, reconstruction, psnr: psnr(original, reconstruction), input, face });
      onProgress?.(done + 1, rows.length);
    }
    if (results.length === 0) throw new InputError(`none of the ${rows.length} images shows a face`);
    return results;
  } finally {
    await session.release();
  }
}

export function summariseReconstruction(
  results: readonly Reconstruction[],
  first: Threshold,
  second: Threshold,
): ReconstructionSummary {
  const figuresOf = (side: Side, { threshold }: Threshold) => {
    const values = results.flatMap(({ input, face }) => (face ? [cosine(face[side], input[side])] : []));
    return { meanSimilarity: mean(values), shareAboveThreshold: shareFrom(values, threshold, results.length) };
  };
  return {
    images: results.length,
    psnr: mean(results.map((one) => one.psnr))!,
    ...figuresOf("first", first),
    shareFaceFound: results.filter(({ face }) => face).length / results.length,
    secondRecogniser: { name: second.name, ...figuresOf("second", second) },
  };
}

/** Pairs of an original and its reconstruction, with the similarity of the faces. */
export function reconstructionSheet(results: readonly Reconstruction[]): Promise<Image> {
  const shown = evenly(results, shownPairs);
  const entries = shown.flatMap(({ original, reconstruction, input, face }) => [
    { image: original },
    { image: reconstruction, caption: face ? cosine(face.first, input.first).toFixed(2) : "no face" },
  ]);
  return contactSheet(entries, { columns: 2 * Math.ceil(Math.sqrt(shown.length / 2)) });
}

function loadAutoencoder({ autoencoder, device, threads }: ReconstructionOptions, sizePx: number): Promise<Session> {
  const factor = latentFactor(autoencoder);
  if (sizePx % factor !== 0) {
    throw new InputError(`images of ${sizePx} pixels do not divide into latents of ${factor}`);
  }
  const weights = new Weights(new FileWeights(autoencoder.weights));
  const images = input("images", "f32", [1, 3, sizePx, sizePx]);
  const pixels = decode(weights, autoencoder, encode(weights, autoencoder, images).mean);
  const placement = { ...(device && { device }), ...(threads !== undefined && { threads }) };
  return Session.load(exportOnnx({ inputs: [images], outputs: { pixels } }), placement);
}
