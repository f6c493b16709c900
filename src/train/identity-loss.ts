import type { NoiseSchedule } from "../diffusion/schedule.js";
import { InputError } from "../errors.js";
import type { GraphInterface } from "../graph/export.js";
import { stopGradient } from "../graph/gradients/index.js";
import { add, mul, reduceMean, reshape, slice } from "../graph/operators/index.js";
import { substitute } from "../graph/substitute.js";
import { input, size, type Value } from "../graph/value.js";
import type { TorchGenerator } from "../tensor/random.js";
import { f32, type Tensor } from "../tensor/tensor.js";
import type { JudgedBatch, MadeImages } from "./judged.js";
import { arcFaceInFfhq, cosineDistance, faceBoxInFfhq, identityDistance, resample } from "./losses.js";
import { ddimStep, levelOf, type NoiseLevel, predictClean, requireCleanInNoise } from "./predictions.js";

export interface IdentityLossOptions {
  readonly recogniser: GraphInterface;
  readonly weight: number;
  /** How many images of the batch are looked at. */
  readonly images: number;
  readonly belowTimestep: number;
  /** What another network sees in the predictions joins in. */
  readonly features?: FeatureLossOptions | undefined;
  /** Images that the network itself begins are looked at. Absent: photos with noise are. */
  readonly own?: OwnImages | undefined;
}

export interface FeatureLossOptions {
  /** Input [images, 3, S, S], RGB from 0 to 255; output [images, D]. */
  readonly network: GraphInterface;
  readonly weight: number;
  /** What the network should see in a face, from its embedding: [images, E] to [images, D]. Absent: what it sees in the photo. */
  readonly expected?: GraphInterface | undefined;
}

export interface OwnImages {
  /** From pure noise to where they are looked at. */
  readonly steps: number;
  /** Share of them that show nobody. */
  readonly drawnShare: number;
}

/** What the loss looks at. */
export interface IdentityLossSubject {
  /** [C, H, W] */
  readonly latentShape: readonly [number, number, number];
  network(latents: Value, timesteps: Value, tokens: Value, faceEmbedding: Value): Value;
  decode(latents: Value): Value;
  /** Prompts of the batch, i64 [N, length]. */
  readonly tokens: Value;
  readonly batch: JudgedBatch;
}

/**
 * How far the faces of decoded predictions are from those that were asked for.
 *
 * The predictions are those for photos with noise, or those for images that the network itself has begun (`own`).
 * Noise leaves something of the person in a photo, which the network can read there instead of in the embedding; in its own
 * images is only what it has put there itself, and they need no photo. So they can be of anybody: also of nobody, from
 * embeddings drawn from the Gaussian of the batch's (as new identities are, Arc2Face §4.2), of which there are more than people in any
 * dataset. The gradient goes through the last evaluation only. docs/training.md says what that does, for good and ill.
 * Source: Xu 2023 (ReFL), Algorithm 1; with identity as the reward: Guo 2024 (PuLID), §3.3.
 */
export class IdentityLoss {
  readonly inputs: readonly Value[];
  /** float [] */
  readonly loss: Value;
  /** float [] each: the distances without their weights. */
  readonly metrics: { readonly identity: Value; readonly features?: Value };
  /** The network's own images that were looked at, if any. */
  readonly own: MadeImages | undefined;

  /** @throws InputError if the model's own images cannot begin from pure noise, or there are no photos to compare them with */
  constructor(
    private readonly options: IdentityLossOptions,
    private readonly schedule: NoiseSchedule,
    private readonly subject: IdentityLossSubject,
  ) {
    const { images, recogniser, features, own } = options;
    const { batch, decode } = subject;
    const first = (x: Value) => slice(x, 0, 0, images);
    const weights = input("identityWeights", "f32", [images]);
    const { inputs, faces, clean } = own
      ? this.ownImages(own)
      : { inputs: [], faces: first(batch.faceEmbedding), clean: first(batch.predicted) };
    const decoded = decode(clean);
    const mean = (distance: Value) => reduceMean(mul(distance, weights));
    const identity = mean(identityDistance(recogniser, resample(decoded, arcFaceInFfhq, 112), faces));
    this.inputs = [weights, ...inputs];
    this.own = own && { clean, faceEmbedding: faces };
    if (!features) {
      this.metrics = { identity };
      this.loss = mul(identity, options.weight);
      return;
    }
    const { network, expected } = features;
    if (own && own.drawnShare > 0 && !expected) {
      throw new InputError(
        "loss.identity.features: of people who are nobody there are no photos; give expected, or set own.drawnShare to 0",
      );
    }
    const sizePx = size(network.inputs[0] as Value, 2);
    const see = (image: Value) => applied(network, mul(add(resample(image, faceBoxInFfhq, sizePx), 1), 127.5));
    const wanted = expected ? applied(expected, faces) : see(decode(first(batch.photo)));
    const difference = mean(cosineDistance(see(decoded), stopGradient(wanted)));
    this.metrics = { identity, features: difference };
    this.loss = add(mul(identity, options.weight), mul(difference, features.weight));
  }

  /** Clean latents as the network sees them in what it has made of noise. */
  private ownImages({ steps }: OwnImages) {
    const { images } = this.options;
    requireCleanInNoise("loss.identity.own", this.schedule);
    const { predictionType } = this.schedule;
    const { latentShape, network, tokens, batch } = this.subject;
    const timesteps = input("identityTimesteps", "f32", [steps + 1, images]);
    const signal = input("identitySignal", "f32", timesteps.shape);
    const faces = input("identityFaces", "f32", [images, batch.faceEmbedding.shape[1] as number]);
    const noise = input("identityNoise", "f32", [images, ...latentShape]);
    const prompts = slice(tokens, 0, 0, images);
    const predict = (x: Value, i: number) =>
      network(x, reshape(slice(timesteps, 0, i, i + 1), [images]), prompts, faces);
    let x: Value = noise;
    for (let i = 0; i < steps; i++) {
      x = stopGradient(ddimStep(predictionType, x, predict(x, i), levelAt(signal, i), levelAt(signal, i + 1)));
    }
    const clean = predictClean(predictionType, x, predict(x, steps), levelAt(signal, steps));
    return { inputs: [signal, timesteps, faces, noise], faces, clean };
  }

  /**
   * @param timesteps of the batch
   * @param faces     its embeddings, float [N, E]; of those without identity, which are not looked at, zeros
   */
  makeInputs(timesteps: readonly number[], faces: Tensor<"f32">, rng: TorchGenerator): Record<string, Tensor> {
    const { images, own } = this.options;
    if (!own) return this.weightsOf(timesteps, faces);
    const first = this.schedule.trainSteps - 1;
    const { data: stops } = rng.randint(0, Math.min(this.options.belowTimestep, first), [images]);
    const passed = Array.from({ length: own.steps + 1 }, (_, k) =>
      Array.from(stops, (stop) => Math.round(first - (k * (first - Number(stop))) / own.steps)),
    );
    const shape = [images, ...this.subject.latentShape];
    const noise = f32(shape, rng.randn(shape).data);
    const shown = withDrawn(faces, images, own.drawnShare, rng);
    return {
      ...this.weightsOf(passed.at(-1) as readonly number[], shown),
      identitySignal: f32(
        [passed.length, images],
        passed.flat().map((t) => Math.sqrt(this.schedule.alphasCumprod[t] as number)),
      ),
      identityTimesteps: f32([own.steps + 1, images], passed.flat()),
      identityFaces: shown,
      identityNoise: noise,
    };
  }

  /** @param timesteps where the images are looked at */
  private weightsOf(timesteps: readonly number[], { shape: [, length = 0], data }: Tensor<"f32">) {
    const { images, belowTimestep } = this.options;
    const isSomebody = (i: number) => data.subarray(i * length, (i + 1) * length).some((value) => value !== 0);
    return {
      identityWeights: f32(
        [images],
        timesteps.slice(0, images).map((t, i) => (isSomebody(i) && t < belowTimestep ? 1 : 0)),
      ),
    };
  }
}

/**
 * The first of a batch's embeddings, a share of those that are not 0 replaced by draws from the Gaussian with the batch's mean and covariance,
 * brought to length 1.
 */
function withDrawn(
  { shape: [count = 0, size = 0], data }: Tensor<"f32">,
  images: number,
  share: number,
  rng: TorchGenerator,
) {
  const isDrawn = Array.from(rng.rand([images]).data, (value) => value < share);
  const factors = rng.randn([images, count]).data;
  const known = Array.from({ length: count }, (_, i) => data.subarray(i * size, (i + 1) * size)).filter((face) =>
    face.some((value) => value !== 0),
  );
  const mean = new Float32Array(size).map(
    (_, j) => known.reduce((sum, face) => sum + (face[j] as number), 0) / known.length,
  );
  const shown = data.slice(0, images * size);
  for (let i = 0; i < images; i++) {
    const isNobody = shown.subarray(i * size, (i + 1) * size).every((value) => value === 0);
    if (!isDrawn[i] || isNobody || known.length < 2) continue;
    const drawn = mean.map((value, j) => {
      const moved = known.reduce(
        (sum, face, k) => sum + (factors[i * count + k] as number) * ((face[j] as number) - value),
        0,
      );
      return value + moved / Math.sqrt(known.length - 1);
    });
    const length = Math.hypot(...drawn);
    shown.set(
      drawn.map((value) => value / length),
      i * size,
    );
  }
  return f32([images, size], shown);
}

/** The output of a network with one input and one output, whose weights are frozen. */
function applied({ inputs: [placeholder], outputs }: GraphInterface, operand: Value): Value {
  return substitute(Object.values(outputs), new Map([[placeholder as Value, operand]]))[0] as Value;
}

/** The noise level of row `i` of factors of the clean latents. */
function levelAt(signal: Value, i: number): NoiseLevel {
  return levelOf(slice(signal, 0, i, i + 1), size(signal, 1));
}
