import { add, div, mul, reduceSum, silu, unsqueeze } from "../graph/operators/index.js";
import type { Value } from "../graph/value.js";
import type { Weights } from "../graph/weights.js";
import { conv2d, groupNorm, linear } from "./layers.js";
import { downsample, resnetBlock } from "./resnet.js";

const norm = { groups: 8, eps: 1e-5 };

/**
 * Tells latents of real faces from those that a network made, place by place. Only training needs it: no model holds one.
 * Each level halves the resolution, the first included. There is no bias at the end, since only differences of what it says are looked at.
 * Source: the projection discriminator of Miyato & Koyama 2018, eq. 3, for each place as in PatchGAN (Isola 2017, §3.2.2).
 * @param widths        channels of each level, multiples of 8
 * @param latents       float [N, C, H, W]
 * @param faceEmbedding whom they should show, float [N, E]
 * @returns             float [N, 1, H', W'], higher for real ones; H' is H / 2^levels
 */
export function discriminator(w: Weights, widths: readonly number[], latents: Value, faceEmbedding: Value): Value {
  const last = widths.at(-1) as number;
  let h = latents;
  for (const [i, outChannels] of widths.entries()) {
    h =
      i === 0
        ? conv2d(w.at("conv_in"), h, { outChannels, kernel: 3, stride: 2, padding: 1 })
        : downsample(w.at("downsamplers").at(i - 1), h, 1);
    h = resnetBlock(w.at("resnets").at(i), h, undefined, { outChannels, ...norm });
  }
  h = silu(groupNorm(w.at("norm_out"), h, norm));
  const face = unsqueeze(linear(w.at("face"), faceEmbedding, last), [2, 3]);
  const agreement = div(reduceSum(mul(h, face), { axes: [1], keepDims: true }), Math.sqrt(last));
  return add(conv2d(w.at("conv_out"), h, { outChannels: 1, kernel: 1, bias: false }), agreement);
}
