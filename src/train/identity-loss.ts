import type { NoiseSchedule } from "../diffusion/schedule.js";
import { InputError } from "../errors.js";
import type { GraphInterface } from "../graph/export.js";
import { stopGradient } from "../graph/gradients/index.js";
import { expand, mul, reduceMean, reshape, slice, sqrt, sub } from "../graph/operators/index.js";
import { constant, input, type Value } from "../graph/value.js";
import type { TorchGenerator } from "../tensor/random.js";
import { f32, type Tensor, tensor } from "../tensor/tensor.js";
import { arcFaceInFfhq, identityDistance, resample } from "./losses.js";
import { ddimStep, type NoiseLevel, predictClean } from "./predictions.js";

export interface IdentityLossOptions {
  readonly recogniser: GraphInterface;
  readonly weight: number;
  /** How many images of the batch are looked at. */
  readonly images: number;
  readonly belowTimestep: number;
  /** Steps by which images come from pure noise to where they are looked at. Absent: photos with noise are. */
  readonly ownSteps?: number | undefined;
}

/** What the loss looks at. */
export interface IdentityLossSubject {
  /** [C, H, W] */
  readonly latentShape: readonly [number, number, number];
  network(latents: Value, timesteps: Value, tokens: Value, faceEmbedding: Value): Value;
  decode(latents: Value): Value;
  /** The prompt that the finished model is sampled with. */
  readonly prompt: readonly number[];
  /** Photos with noise, what the network says of them, and whom they show. */
  readonly batch: { readonly latents: Value; readonly prediction: Value; readonly faceEmbedding: Value };
}

interface Level extends NoiseLevel {
  /** float [N] */
  readonly timesteps: Value;
}

/**
 * How far the faces of decoded predictions are from those that were asked for.
 *
 * The predictions are those for photos with noise, or those for images that the network itself has begun (`ownSteps`).
 * Noise leaves something of the person in a photo, which the network can read there instead of in the embedding; in its own
 * images is only what it has put there itself, and they need no photo of that kind of that person. The gradient goes through the
 * last evaluation only. Source: Xu 2023 (ReFL), Algorithm 1; with identity as the reward: Guo 2024 (PuLID), §3.3.
 */
export class IdentityLoss {
  readonly inputs: readonly Value[];
  /** float [] */
  readonly loss: Value;

  /** @throws InputError if the model's own images cannot begin from pure noise */
  constructor(
    private readonly options: IdentityLossOptions,
    private readonly schedule: NoiseSchedule,
    private readonly subject: IdentityLossSubject,
  ) {
    const { images, recogniser, ownSteps } = options;
    const { predictionType, alphasCumprod } = schedule;
    const first = (x: Value) => slice(x, 0, 0, images);
    const { latents, prediction, faceEmbedding } = subject.batch;
    const faces = first(faceEmbedding);
    const weights = input("identityWeights", "f32", [images]);
    const timesteps = input("identityTimesteps", "f32", [(ownSteps ?? 0) + 1, images]);
    const signal = input("identitySignal", "f32", timesteps.shape);
    const levels = Array.from({ length: (ownSteps ?? 0) + 1 }, (_, i) => levelAt(timesteps, signal, i));
    const last = levels.at(-1) as Level;
    let clean: Value;
    if (ownSteps === undefined) {
      this.inputs = [weights, signal];
      clean = predictClean(predictionType, first(latents), first(prediction), last);
    } else {
      if (predictionType === "epsilon" && alphasCumprod.at(-1) === 0) {
        throw new InputError(
          "loss.identity.ownSteps: a model that predicts noise says nothing about the image at zero terminal SNR; train one that predicts v",
        );
      }
      const noise = input("identityNoise", "f32", [images, ...subject.latentShape]);
      this.inputs = [weights, signal, timesteps, noise];
      const tokens = tensor("i64", [1, subject.prompt.length], BigInt64Array.from(subject.prompt, BigInt));
      const prompts = expand(constant(tokens), [images, subject.prompt.length]);
      const network = (x: Value, level: Level) => subject.network(x, level.timesteps, prompts, faces);
      let x: Value = noise;
      for (const [i, to] of levels.slice(1).entries()) {
        const from = levels[i] as Level;
        x = stopGradient(ddimStep(predictionType, x, network(x, from), from, to));
      }
      clean = predictClean(predictionType, x, network(x, last), last);
    }
    const crops = resample(subject.decode(clean), arcFaceInFfhq, 112);
    this.loss = reduceMean(mul(identityDistance(recogniser, crops, faces), weights));
  }

  /**
   * @param timesteps of the batch
   * @param isDropped images without identity, which are not looked at
   */
  makeInputs(
    timesteps: readonly number[],
    isDropped: readonly boolean[],
    rng: TorchGenerator,
  ): Readonly<Record<string, Tensor>> {
    const { images, weight, belowTimestep, ownSteps } = this.options;
    const { alphasCumprod, trainSteps } = this.schedule;
    const isOwn = ownSteps !== undefined;
    const stops = isOwn
      ? Array.from(rng.randint(0, Math.min(belowTimestep, trainSteps), [images]).data, Number)
      : timesteps.slice(0, images);
    const first = trainSteps - 1;
    const passed = Array.from({ length: (ownSteps ?? 0) + 1 }, (_, k) =>
      stops.map((stop) => (isOwn ? Math.round(first - (k * (first - stop)) / ownSteps) : stop)),
    ).flat();
    const shape = [(ownSteps ?? 0) + 1, images];
    return {
      identityWeights: f32(
        [images],
        stops.map((t, i) => (isDropped[i] || t >= belowTimestep ? 0 : weight)),
      ),
      identitySignal: f32(
        shape,
        passed.map((t) => Math.sqrt(alphasCumprod[t] as number)),
      ),
      ...(isOwn && {
        identityTimesteps: f32(shape, passed),
        identityNoise: f32(
          [images, ...this.subject.latentShape],
          rng.randn([images, ...this.subject.latentShape]).data,
        ),
      }),
    };
  }
}

/** Row `i` of the noise levels that images pass. */
function levelAt(timesteps: Value, signal: Value, i: number): Level {
  const images = timesteps.shape[1] as number;
  const alpha = reshape(slice(signal, 0, i, i + 1), [images, 1, 1, 1]);
  return {
    timesteps: reshape(slice(timesteps, 0, i, i + 1), [images]),
    alpha,
    sigma: sqrt(sub(1, mul(alpha, alpha))),
  };
}
