import type { NoiseSchedule } from "../diffusion/schedule.js";
import { stopGradient } from "../graph/gradients/index.js";
import { add, concat, mul, reduceMean, softplus, split, sub } from "../graph/operators/index.js";
import { input, size, type Value } from "../graph/value.js";
import { Weights } from "../graph/weights.js";
import { discriminator } from "../models/discriminator.js";
import type { TorchGenerator } from "../tensor/random.js";
import { f32, type Tensor } from "../tensor/tensor.js";
import { levelOf, predictClean, requireCleanInNoise } from "./predictions.js";

export interface AdversarialLossOptions {
  /** Of what the network that denoises is told. The discriminator's own loss has weight 1. */
  readonly weight: number;
  /** Channels of the discriminator's levels. */
  readonly widths: readonly number[];
  /** Standard deviation of the noise on what the discriminator sees; each image has up to this much. */
  readonly noise: number;
}

/** What is judged: a batch of photos with noise, all float [N, C, H, W] but the embeddings. */
export interface AdversarialLossSubject {
  readonly latents: Value;
  /** What the network says of them, and what it should say. */
  readonly prediction: Value;
  readonly target: Value;
  /** float [N, E] */
  readonly faceEmbedding: Value;
}

/**
 * Whether predictions look like faces. The mean of all faces that a noisy photo could be, which is what the squared error asks for, is
 * blurred; few steps show it so. A discriminator that learns beside the network says whether a prediction is sharp as the photo is.
 *
 * Both losses are one scalar: the discriminator sees predictions without a way back to the network, and the network is judged by a
 * discriminator without a way back to its weights.
 * Source: Sauer 2023 (ADD), §3.1, on latents as in Sauer 2024 (LADD); the loss is that of pairs, Jolicoeur-Martineau 2018, eq. 6: each prediction
 * against its own photo; noise on what is judged: Arjovsky & Bottou 2017, §3.
 */
export class AdversarialLoss {
  readonly inputs: readonly Value[];
  /** To be minimized, float []. */
  readonly loss: Value;
  /** float [] each: of the network, without its weight, and of the discriminator; log 2 where it cannot tell them apart. */
  readonly metrics: { readonly adversarial: Value; readonly discriminator: Value };

  /** @throws InputError if predictions say nothing about the image where all is noise */
  constructor(
    private readonly options: AdversarialLossOptions,
    private readonly schedule: NoiseSchedule,
    { latents, prediction, target, faceEmbedding }: AdversarialLossSubject,
    weights: Weights,
  ) {
    requireCleanInNoise("loss.adversarial", schedule);
    const type = schedule.predictionType;
    const count = size(latents, 0);
    const signal = input("adversarialSignal", "f32", [count]);
    const noise = input("adversarialNoise", "f32", latents.shape);
    this.inputs = [signal, noise];
    const level = levelOf(signal);
    const seen = (output: Value) => add(predictClean(type, latents, output, level), noise);
    const { widths, weight } = options;
    const judge = (w: Weights, x: Value, faces: Value) => discriminator(w, widths, x, faces);

    const fake = seen(prediction);
    const pairs = concat([seen(target), stopGradient(fake)], 0);
    const judged = judge(weights, pairs, concat([faceEmbedding, faceEmbedding], 0));
    const [real, made] = split(judged, [count, count], 0) as [Value, Value];
    const ahead = sub(judge(frozen(weights), fake, faceEmbedding), stopGradient(real));
    this.metrics = {
      adversarial: reduceMean(softplus(sub(0, ahead))),
      discriminator: reduceMean(softplus(sub(made, real))),
    };
    this.loss = add(mul(this.metrics.adversarial, weight), this.metrics.discriminator);
  }

  /** @param timesteps of the batch */
  makeInputs(
    timesteps: readonly number[],
    latentShape: readonly number[],
    rng: TorchGenerator,
  ): Record<string, Tensor> {
    const shape = [timesteps.length, ...latentShape];
    const { data } = rng.randn(shape);
    const levels = rng.rand([timesteps.length]).data;
    const length = data.length / timesteps.length;
    return {
      adversarialSignal: f32(
        [timesteps.length],
        timesteps.map((t) => Math.sqrt(this.schedule.alphasCumprod[t] as number)),
      ),
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
