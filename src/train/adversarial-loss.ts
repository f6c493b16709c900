import type { NoiseSchedule } from "../diffusion/schedule.js";
import { stopGradient } from "../graph/gradients/index.js";
import { add, concat, mul, reduceMean, slice, softplus, sub } from "../graph/operators/index.js";
import { input, size, type Value } from "../graph/value.js";
import { Weights } from "../graph/weights.js";
import { discriminator } from "../models/discriminator.js";
import type { TorchGenerator } from "../tensor/random.js";
import { f32, type Tensor } from "../tensor/tensor.js";
import type { JudgedBatch, MadeImages } from "./judged.js";
import { requireCleanInNoise } from "./predictions.js";

export interface AdversarialLossOptions {
  /** Of what the network that denoises is told. The discriminator's own loss has weight 1. */
  readonly weight: number;
  /** Channels of the discriminator's levels. */
  readonly widths: readonly number[];
  /** Standard deviation of the noise on what the discriminator sees; each image has up to this much. */
  readonly noise: number;
}

/** What is judged. */
export interface AdversarialLossSubject extends JudgedBatch {
  /** Images that the network has made of noise, of which there are at most N. */
  readonly own?: MadeImages | undefined;
}

/**
 * Whether predictions look like faces. The mean of all faces that a noisy photo could be, which is what the squared error asks for, is
 * blurred; few steps show it so. A discriminator that learns beside the network says whether a prediction is sharp as the photo is.
 *
 * Both losses are one scalar: the discriminator sees predictions without a way back to the network, and the network is judged by a
 * discriminator without a way back to its weights.
 * Source: Sauer 2023 (ADD), §3.1, on latents as in Sauer 2024 (LADD); the loss is that of pairs, Jolicoeur-Martineau 2018, eq. 6: each prediction
 * against its own photo, what the network made of noise, as in sampling (Yin 2024, DMD2, §4.5), against the batch's first ones; noise on
 * what is judged: Arjovsky & Bottou 2017, §3.
 */
export class AdversarialLoss {
  readonly inputs: readonly Value[];
  /** To be minimized, float []. */
  readonly loss: Value;
  /** float [] each: of the network, without its weight, and of the discriminator; log 2 where it cannot tell them apart. */
  readonly metrics: { readonly adversarial: Value; readonly discriminator: Value };
  /** How many predictions are judged. */
  private readonly judged: number;

  /** @throws InputError if predictions say nothing about the image where all is noise */
  constructor(
    private readonly options: AdversarialLossOptions,
    schedule: NoiseSchedule,
    { predicted, photo, faceEmbedding, own }: AdversarialLossSubject,
    weights: Weights,
  ) {
    requireCleanInNoise("loss.adversarial", schedule);
    const count = size(predicted, 0);
    this.judged = count + (own ? size(own.clean, 0) : 0);
    const noise = input("adversarialNoise", "f32", [this.judged, ...predicted.shape.slice(1)]);
    this.inputs = [noise];
    /** Further rows for the network's own images: those, or what stands against them. */
    const join = (batch: Value, more: Value | undefined) => (more ? concat([batch, more], 0) : batch);
    const twice = (x: Value) => join(x, own && slice(x, 0, 0, this.judged - count));
    const { widths, weight } = options;
    const judge = (w: Weights, x: Value, faces: Value) => discriminator(w, widths, add(x, noise), faces);

    const fake = join(predicted, own?.clean);
    const faces = join(faceEmbedding, own?.faceEmbedding);
    const real = judge(weights, twice(photo), twice(faceEmbedding));
    const made = judge(weights, stopGradient(fake), faces);
    const ahead = sub(judge(frozen(weights), fake, faces), stopGradient(real));
    this.metrics = {
      adversarial: reduceMean(softplus(sub(0, ahead))),
      discriminator: reduceMean(softplus(sub(made, real))),
    };
    this.loss = add(mul(this.metrics.adversarial, weight), this.metrics.discriminator);
  }

  makeInputs(latentShape: readonly number[], rng: TorchGenerator): Record<string, Tensor> {
    const shape = [this.judged, ...latentShape];
    const { data } = rng.randn(shape);
    const levels = rng.rand([this.judged]).data;
    const length = data.length / this.judged;
    return {
      adversarialNoise: f32(
        shape,
        data.map((value, i) => value * this.options.noise * (levels[Math.floor(i / length)] as number)),
      ),
    };
  }
}

/** The same weights, which learn nothing. */
const frozen = (weights: Weights): Weights =>
  new Weights({
    has: (path) => weights.has(path),
    get: (path, shape, initializer) => stopGradient(weights.get(path, shape, initializer)),
  });
