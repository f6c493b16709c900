import { CheckpointError } from "../errors.js";
import type { GraphInterface } from "../graph/export.js";
import {
  abs,
  add,
  concat,
  div,
  exp,
  matmul,
  mul,
  reduceMean,
  reduceSum,
  split,
  sqrt,
  sub,
} from "../graph/operators/index.js";
import { substitute } from "../graph/substitute.js";
import { topologicalOrder } from "../graph/traverse.js";
import { constant, size, type Value } from "../graph/value.js";

/**
 * Mean squared error of each image, then the weighted mean over the batch.
 * Source: Arc2Face eq. 1 (weights 1); Hang 2023 (min-SNR weights).
 * @param prediction float [N, C, H, W], and the target like it
 * @param weights    float [N]
 * @returns both float []: the weighted loss, and the error without weights
 */
export function denoisingLoss(prediction: Value, target: Value, weights: Value): { loss: Value; error: Value } {
  const difference = sub(prediction, target);
  const perImage = reduceMean(mul(difference, difference), { axes: [1, 2, 3] });
  return { loss: reduceMean(mul(perImage, weights)), error: reduceMean(perImage) };
}

/** Mean absolute difference, float []. */
export const l1Loss = (a: Value, b: Value): Value => reduceMean(abs(sub(a, b)));

/**
 * Divergence of the latents' distribution from the standard normal one, mean over all latents, float [].
 * Source: Kingma & Welling 2014, Appendix B. Rombach 2022 sums over latents instead; the weight differs by their number.
 */
export function klLoss(mean: Value, logvar: Value): Value {
  return mul(0.5, reduceMean(sub(add(mul(mean, mean), exp(logvar)), add(logvar, 1))));
}

/**
 * Distance of two images in the features of a network: at each resolution the last map, its channels brought to unit
 * length at every position, squared difference, summed over channels, mean over positions and resolutions.
 * Source: Zhang 2018 (LPIPS), eq. 1, with weights of 1.
 * @param network one image input [N, C, H, W]; its weights are frozen
 * @param a       float, what the network takes
 * @throws CheckpointError if the network has no feature maps
 */
export function perceptualLoss(network: GraphInterface, a: Value, b: Value): Value {
  const maps = featureMaps(network);
  const wanted = featuresOf(network, maps, b);
  const distances = featuresOf(network, maps, a).map((features, i) => {
    const difference = sub(unitChannels(features), unitChannels(wanted[i] as Value));
    return reduceMean(reduceSum(mul(difference, difference), { axes: [1] }));
  });
  return div(distances.reduce(add), distances.length);
}

/** The last map of each resolution but 1x1, finest first. */
function featureMaps({ outputs }: GraphInterface): Value[] {
  const byResolution = new Map<string, Value>();
  for (const { outputs: results } of topologicalOrder(Object.values(outputs))) {
    const map = results[0] as Value;
    const [, , height, width] = map.shape;
    if (map.shape.length !== 4 || map.dtype !== "f32" || (height === 1 && width === 1)) continue;
    byResolution.set(`${height}x${width}`, map);
  }
  if (byResolution.size === 0)
    throw new CheckpointError("the perceptual network has no feature maps; use an image network");
  return [...byResolution.values()];
}

const featuresOf = ({ inputs }: GraphInterface, maps: readonly Value[], image: Value): readonly Value[] =>
  substitute(maps, new Map([[inputs[0] as Value, image]]));

function unitChannels(features: Value): Value {
  return div(features, sqrt(add(reduceSum(mul(features, features), { axes: [1], keepDims: true }), 1e-8)));
}

/**
 * One minus the cosine between what a recogniser sees in images and the embeddings they should have.
 * Source: Deng 2019; used as a loss as in Richardson 2021 (pSp), eq. 3.
 * @param recogniser one input [1, 3, 112, 112], one output [1, E], as many are exported with a batch of one in their
 *                   shapes, so that it is put in once for each image; its weights are frozen
 * @param crops      float [N, 3, 112, 112] in [-1, 1], ArcFace-aligned
 * @param embeddings float [N, E]
 * @returns          float [N]
 */
export function identityDistance(recogniser: GraphInterface, crops: Value, embeddings: Value): Value {
  const [output] = Object.values(recogniser.outputs);
  const images = split(crops, Array<number>(size(crops, 0)).fill(1), 0);
  const seen = images.map((crop) => substitute([output as Value], new Map([[recogniser.inputs[0] as Value, crop]])));
  const found = concat(seen.flat(), 0);
  return cosineDistance(found, embeddings);
}

/**
 * One minus the cosine of rows.
 * @param a float [N, E], and b like it
 * @returns float [N]
 */
export function cosineDistance(a: Value, b: Value): Value {
  const dot = (x: Value, y: Value) => reduceSum(mul(x, y), { axes: [1] });
  return sub(1, div(dot(a, b), sqrt(add(mul(dot(a, a), dot(b, b)), 1e-12))));
}

/** A square part of an image, in shares of its side. */
export interface CropBox {
  readonly left: number;
  readonly top: number;
  readonly side: number;
}

/**
 * Where the ArcFace crop lies in an FFHQ crop: the shift and scale (without rotation) that bring mean landmarks closest to
 * ArcFace's template. Measured with the default detector and landmarks on 50 FFHQ crops of 128 pixels: the mean
 * side's standard error is 0.004, single faces have sides of 0.70 to 0.81; the rotation left out is 0.3 degrees.
 */
export const arcFaceInFfhq: CropBox = { left: 0.135, top: 0.126, side: 0.73 };

/** The face with hair and chin in an FFHQ crop, as networks see it that were trained on boxes of a face detector. */
export const faceBoxInFfhq: CropBox = { left: 0.125, top: 0.175, side: 0.75 };

/**
 * Cuts out and resizes by bilinear interpolation, as two matrix products, so that gradients go through.
 * @param image float [N, C, S, S]
 * @returns     float [N, C, sizePx, sizePx]
 */
export function resample(image: Value, box: CropBox, sizePx: number): Value {
  const from = size(image, 2);
  const rows = interpolation(from, box.top, box.side, sizePx);
  const columns = interpolation(from, box.left, box.side, sizePx);
  return matmul(matmul(constant(rows), image), constant(transposed(columns)));
}

/** Matrix [to, from] of bilinear weights; where it shrinks, the tent covers all pixels. Pixel centres lie at halves. */
function interpolation(from: number, start: number, side: number, to: number) {
  const scale = (side * from) / to;
  const radius = Math.max(1, scale);
  const data = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const centre = start * from + (i + 0.5) * scale - 0.5;
    const row = Array.from({ length: from }, (_, j) => Math.max(0, 1 - Math.abs(j - centre) / radius));
    const sum = row.reduce((a, b) => a + b, 0);
    // Beyond the image its edge is repeated.
    if (sum === 0) row[centre < 0 ? 0 : from - 1] = 1;
    row.forEach((weight, j) => {
      data[i * from + j] = weight / (sum || 1);
    });
  }
  return { dtype: "f32", shape: [to, from], data } as const;
}

function transposed({ shape: [rows, columns], data }: ReturnType<typeof interpolation>) {
  const [height, width] = [rows as number, columns as number];
  const turned = Float32Array.from(data, (_, i) => data[(i % height) * width + Math.floor(i / height)] as number);
  return { dtype: "f32", shape: [width, height], data: turned } as const;
}
