import type { FaceRows } from "../data/dataset.js";
import { createNoiseSchedule, type NoiseSchedule, type NoiseScheduleConfig } from "../diffusion/schedule.js";
import { addNoise, minSnrWeight, vTarget } from "../diffusion/targets.js";
import { CheckpointError, InputError } from "../errors.js";
import type { GraphInterface } from "../graph/export.js";
import { add, div, mul, reduceMean, reshape, slice, sqrt, sub } from "../graph/operators/index.js";
import { input, type Value } from "../graph/value.js";
import { FileWeights, Weights } from "../graph/weights.js";
import { type Autoencoder, decode, fromDiffusionScale } from "../models/autoencoder.js";
import { type ProjectionConfig, projectFace } from "../models/projection.js";
import { unet } from "../models/unet.js";
import type { UNetConfig } from "../models/unet-config.js";
import type { TorchGenerator } from "../tensor/random.js";
import type { SafetensorsFile } from "../tensor/safetensors.js";
import { f32, type Tensor, tensor } from "../tensor/tensor.js";
import { type ExportDType, type ExportedNetwork, exportModel } from "./export.js";
import { arcFaceInFfhq, denoisingLoss, identityDistance, resample } from "./losses.js";
import { Sampler } from "./sampler.js";
import type { Objective } from "./step-graph.js";
import type { Example, ReadWeight, TrainingTask } from "./task.js";
import type { LoraOptions, TrainableWeights } from "./weights.js";

/** A network to train: its architecture, and the weights to start from (absent: random). */
export interface NetworkStart<Config> {
  readonly config: Config;
  readonly weights?: SafetensorsFile | undefined;
}

/** The tokens around the identity. */
export interface Prompt {
  readonly tokens: readonly number[];
  readonly idToken: number;
  readonly unconditional: readonly number[];
}

export interface DiffusionNetworks {
  readonly unet: NetworkStart<UNetConfig>;
  readonly projection: NetworkStart<ProjectionConfig>;
  /** Not trained. */
  readonly autoencoder: Autoencoder & { readonly weights: SafetensorsFile };
  readonly prompt: Prompt;
}

export interface DiffusionTaskOptions {
  readonly batchSize: number;
  readonly noise: NoiseScheduleConfig;
  readonly minSnrGamma?: number | undefined;
  /** Tokens for each dataset, in place of the prompt's. */
  readonly prompts?: readonly (readonly number[])[] | undefined;
  readonly identityDropout: number;
  readonly embeddingNoise: number;
  readonly identity?:
    | {
        readonly recogniser: GraphInterface;
        readonly weight: number;
        /** How many images of the batch are looked at. */
        readonly images: number;
        readonly belowTimestep: number;
      }
    | undefined;
  readonly samples: { readonly count: number; readonly steps: number; readonly guidanceScale: number };
  readonly seed: number;
  readonly exportDType: ExportDType;
  /** Only low-rank updates are trained. */
  readonly lora?: LoraOptions | undefined;
}

/**
 * Denoising of latents, conditioned on face embeddings.
 * Source: Arc2Face §3.1 (eq. 1), §3.2, §3.3.
 */
export class DiffusionTask implements TrainingTask {
  readonly objective: Objective;
  private readonly schedule: NoiseSchedule;
  private readonly sampler: Sampler;

  /** @throws InputError or CheckpointError if dataset and networks do not fit each other */
  constructor(
    private readonly dataset: FaceRows,
    private readonly networks: DiffusionNetworks,
    private readonly weights: TrainableWeights,
    private readonly options: DiffusionTaskOptions,
  ) {
    this.schedule = createNoiseSchedule(options.noise);
    const { batchSize } = options;
    const { prompt } = networks;
    const latents = input("latents", "f32", [batchSize, ...this.latentShape]);
    const target = input("target", "f32", latents.shape);
    const timesteps = input("timesteps", "f32", [batchSize]);
    const lossWeights = input("lossWeights", "f32", [batchSize]);
    const tokens = input("tokens", "i64", [batchSize, prompt.tokens.length]);
    const faceEmbedding = input("faceEmbedding", "f32", [batchSize, dataset.index.embeddings.size]);
    const prediction = this.predict(latents, timesteps, tokens, faceEmbedding);
    const { loss, error } = denoisingLoss(prediction, target, lossWeights);
    const inputs = [latents, target, timesteps, lossWeights, tokens, faceEmbedding];
    const identity = options.identity && this.identityLoss(options.identity, [latents, prediction, faceEmbedding]);
    this.objective = {
      inputs: [...inputs, ...(identity?.inputs ?? [])],
      loss: identity ? add(loss, identity.loss) : loss,
      metrics: { denoising: error, ...(identity && { identity: identity.loss }) },
    };
    this.sampler = new Sampler({
      dataset,
      latentShape: this.latentShape,
      schedule: this.schedule,
      prompt,
      predict: (...operands) => this.predict(...operands),
      decode: (scaled) => this.decode(scaled),
      weights,
      seed: options.seed,
      ...options.samples,
    });
  }

  get parameters() {
    return [...this.weights.parameters.values()];
  }

  async makeBatch(examples: readonly Example[], rng: TorchGenerator): Promise<Record<string, Tensor>> {
    const { schedule } = this;
    const { minSnrGamma, identityDropout, embeddingNoise, identity } = this.options;
    const { prompt } = this.networks;
    const count = examples.length;
    const shape = [count, ...this.latentShape];
    const size = this.dataset.index.embeddings.size;
    const timesteps = Array.from(rng.randint(0, schedule.trainSteps, [count]).data, Number);
    const noise = rng.randn(shape).data;
    const isDropped = Array.from(rng.rand([count]).data, (value) => value < identityDropout);
    const clean = concatRows(
      await Promise.all(examples.map(({ row, mirrored }) => this.dataset.readLatents(row, mirrored))),
    );
    const faces = await Promise.all(examples.map(({ row }) => this.dataset.readEmbedding(row)));
    const jitter = embeddingNoise > 0 ? rng.randn([count, size]).data : undefined;
    const embeddings = faces.map((face, i) => {
      if (isDropped[i]) return new Float32Array(size);
      return jitter ? moved(face, jitter.subarray(i * size, (i + 1) * size), embeddingNoise) : face;
    });
    const rows = examples.map(({ row }, i) => (isDropped[i] ? prompt.unconditional : this.tokensOf(row)));
    const alpha = timesteps.map((t) => Math.sqrt(schedule.alphasCumprod[t] as number));
    return {
      latents: f32(shape, addNoise(schedule, clean, noise, timesteps)),
      target: f32(shape, targetOf(schedule, clean, noise, timesteps)),
      timesteps: f32([count], timesteps),
      lossWeights: f32(
        [count],
        timesteps.map((t) => (minSnrGamma === undefined ? 1 : minSnrWeight(schedule, t, minSnrGamma))),
      ),
      tokens: tensor("i64", [count, prompt.tokens.length], BigInt64Array.from(rows.flat(), BigInt)),
      faceEmbedding: f32([count, size], concatRows(embeddings)),
      ...(identity && {
        signal: f32([identity.images], alpha.slice(0, identity.images)),
        identityWeights: f32(
          [identity.images],
          timesteps
            .slice(0, identity.images)
            .map((t, i) => (isDropped[i] || t >= identity.belowTimestep ? 0 : identity.weight)),
        ),
      }),
    };
  }

  makeSheet(read: ReadWeight, signal: AbortSignal | undefined) {
    return this.sampler.makeSheet(read, signal);
  }

  async exportModel(folder: string, read: ReadWeight): Promise<void> {
    const { unet: denoiser, projection, autoencoder, prompt } = this.networks;
    const { steps, guidanceScale } = this.options.samples;
    const [, height, width] = this.latentShape;
    const sampleSize = height === width ? height : [height, width];
    const unetConfig = { ...denoiser.config, _class_name: "UNet2DConditionModel", sample_size: sampleSize };
    const file = "diffusion_pytorch_model.safetensors";
    const networks: ExportedNetwork[] = [
      { name: "unet", folder: "arc2face", file, config: unetConfig, weights: denoiser.weights },
      { name: "encoder", folder: "encoder", file: "model.safetensors", ...projection },
      {
        folder: "vae",
        file,
        config: {
          ...autoencoder.config,
          _class_name: autoencoder.kind === "tiny" ? "AutoencoderTiny" : "AutoencoderKL",
        },
        weights: autoencoder.weights,
      },
    ];
    await exportModel(folder, {
      networks,
      parameters: this.parameters,
      read,
      noise: this.options.noise,
      dtype: this.options.exportDType,
      loraScale: this.options.lora && this.options.lora.alpha / this.options.lora.rank,
      manifest: {
        prompt,
        embeddingSize: this.dataset.index.embeddings.size,
        recogniser: this.dataset.index.embeddings.recogniser,
        defaults: { sampler: "dpm++", steps, guidanceScale },
      },
    });
  }

  release(): Promise<void> {
    return this.sampler.release();
  }

  /** [C, H, W]; the UNet, the autoencoder and the dataset must agree on it. */
  private get latentShape(): readonly [number, number, number] {
    const { latents } = this.dataset.index;
    if (!latents) {
      throw new InputError(`${this.dataset.name} holds no latents; run arc2face dataset encode with the autoencoder`);
    }
    const { in_channels: channels, out_channels: out } = this.networks.unet.config;
    if (
      latents.shape[0] !== channels ||
      channels !== out ||
      channels !== this.networks.autoencoder.config.latent_channels
    ) {
      throw new CheckpointError(
        `latents of ${latents.shape[0]} channels, a UNet from ${channels} to ${out} and an autoencoder of ` +
          `${this.networks.autoencoder.config.latent_channels} do not fit together`,
      );
    }
    return latents.shape;
  }

  private predict(latents: Value, timesteps: Value, tokens: Value, faceEmbedding: Value): Value {
    const { unet: denoiser, projection, prompt } = this.networks;
    const encoder = this.weights.network("encoder", projection.weights);
    const conditioning = projectFace(encoder, projection.config, tokens, faceEmbedding, prompt.idToken);
    return unet(this.weights.network("unet", denoiser.weights), denoiser.config, latents, timesteps, conditioning);
  }

  private tokensOf(row: number): readonly number[] {
    const { prompts } = this.options;
    return prompts?.[this.dataset.groupOf(row)] ?? this.networks.prompt.tokens;
  }

  /** Latents on the diffusion model's scale to images, by the frozen autoencoder. */
  private decode(latents: Value): Value {
    const { autoencoder } = this.networks;
    const weights = new Weights(new FileWeights(autoencoder.weights));
    return decode(weights, autoencoder, fromDiffusionScale(autoencoder, latents));
  }

  /** How far the faces of decoded predictions are from those that were asked for, where noise is low. */
  private identityLoss(
    { recogniser, images }: NonNullable<DiffusionTaskOptions["identity"]>,
    [latents, prediction, faceEmbedding]: readonly [Value, Value, Value],
  ) {
    const signal = input("signal", "f32", [images]);
    const weights = input("identityWeights", "f32", [images]);
    const first = (x: Value) => slice(x, 0, 0, images);
    const alpha = reshape(signal, [images, 1, 1, 1]);
    const clean = predictClean(this.schedule.predictionType, first(latents), first(prediction), alpha);
    const crops = resample(this.decode(clean), arcFaceInFfhq, 112);
    const distance = identityDistance(recogniser, crops, first(faceEmbedding));
    return { inputs: [signal, weights], loss: reduceMean(mul(distance, weights)) };
  }
}

/** The clean latents that a prediction implies. Source: Salimans & Ho 2022, Appendix D. */
function predictClean(type: NoiseSchedule["predictionType"], noisy: Value, prediction: Value, alpha: Value): Value {
  if (type === "sample") return prediction;
  const sigma = sqrt(sub(1, mul(alpha, alpha)));
  return type === "epsilon"
    ? div(sub(noisy, mul(prediction, sigma)), alpha)
    : sub(mul(noisy, alpha), mul(prediction, sigma));
}

function targetOf(schedule: NoiseSchedule, clean: Float32Array, noise: Float32Array, timesteps: readonly number[]) {
  switch (schedule.predictionType) {
    case "epsilon":
      return noise;
    case "v_prediction":
      return vTarget(schedule, clean, noise, timesteps);
    case "sample":
      return clean;
  }
}

/** An embedding moved by noise of about `share` of its length, and brought back to length 1. */
function moved(embedding: Float32Array, noise: Float32Array, share: number): Float32Array {
  const sum = embedding.map((value, i) => value + (share * (noise[i] as number)) / Math.sqrt(noise.length));
  const norm = Math.hypot(...sum);
  return sum.map((value) => value / norm);
}

function concatRows(rows: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const row of rows) {
    joined.set(row, offset);
    offset += row.length;
  }
  return joined;
}
