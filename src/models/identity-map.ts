import { add, clip, div, mul, reduceMean, reduceSum, reshape, sqrt } from "../graph/operators/index.js";
import type { Value } from "../graph/value.js";
import type { Initializer, Weights } from "../graph/weights.js";
import { linear } from "./layers.js";

/** Shape of the map, and how many numbers it is made of. */
export interface IdentityMapConfig {
  readonly rank: number;
  /** Longest vector of the person, between the two linear maps; longer ones, of faces unlike all that were trained on, are shortened. */
  readonly limit: number;
  /** Of the latents that the network denoises. */
  readonly height: number;
  readonly width: number;
}

const zeros: Initializer = { kind: "constant", value: 0 };

/**
 * The person as a picture: a linear map of the conditioning's mean token to latents, which joins the network's output, more or less of
 * it as the noise level asks for.
 *
 * Where all is noise, the best prediction is the mean image of the person, and a small network is slow to learn it through
 * cross-attention: noise does not tell a place where it is (docs/training.md has figures). A linear map is learnt at once. Not of
 * the paper. At high noise the best denoiser is nearly that of a Gaussian (Wang & Vastola 2024), whose mean enters
 * the prediction as it does here: times a function of the noise level.
 * @param time         float [N, T], the network's embedding of the timestep
 * @param conditioning float [N, S, D]
 * @returns            float [N, C, H, W], what the network predicts for the person on the whole
 */
export function identityMap(
  w: Weights,
  { rank, limit, height, width }: IdentityMapConfig,
  channels: number,
  time: Value,
  conditioning: Value,
): Value {
  const person = linear(w.at("down"), reduceMean(conditioning, { axes: [1] }), rank);
  // A root has no gradient at 0.
  const length = sqrt(add(reduceSum(mul(person, person), { axes: [1], keepDims: true }), 1e-12));
  const bounded = mul(person, clip(div(limit, length), 0, 1));
  const map = linear(w.at("up"), bounded, channels * height * width, { start: zeros });
  const weighted = mul(map, linear(w.at("weight"), time, 1));
  return reshape(weighted, [conditioning.shape[0] as number | string, channels, height, width]);
}
