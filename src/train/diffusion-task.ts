import type { FaceRows } from "../data/dataset.js";
import { planSampling } from "../diffusion/samplers.js";
import { createNoiseSchedule, type NoiseSchedule, type NoiseScheduleConfig } from "../diffusion/schedule.js";
import { addNoise, minSnrWeight, vTarget } from "../diffusion/targets.js";
import { add } from "../graph/operators/index.js";
import { input, type Value } from "../graph/value.js";
import { projectFace } from "../models/projection.js";
import { unet } from "../models/unet.js";
import type { TorchGenerator } from "../tensor/random.js";
import { f32, type Tensor } from "../tensor/tensor.js";
import { AdversarialLoss, type AdversarialLossOptions } from "./adversarial-loss.js";
import { type ConditionedTaskOptions, readCleanLatents, readConditions } from "./batch.js";
import { type DiffusionNetworks, decodeLatents, exportDiffusionModel, latentShapeOf } from "./diffusion-networks.js";
import { IdentityLoss, type IdentityLossOptions } from "./identity-loss.js";
import { denoisingLoss } from "./losses.js";
import { levelOf, predictClean } from "./predictions.js";
import { Sampler } from "./sampler.js";
import type { Objective } from "./step-graph.js";
import type { Example, ReadWeight, TrainingTask } from "./task.js";
import type { TrainableWeights } from "./weights.js";

export interface DiffusionTaskOptions extends ConditionedTaskOptions {
  readonly noise: NoiseScheduleConfig;
  readonly minSnrGamma?: number | undefined;
  readonly identityDropout: number;
  readonly identity?: IdentityLossOptions | undefined;
  readonly adversarial?: AdversarialLossOptions | undefined;
}

/**
 * Denoising of latents, conditioned on face embeddings.
 * Source: Arc2Face §3.1 (eq. 1), §3.2, §3.3.
 */
export class DiffusionTask implements TrainingTask {
  readonly objective: Objective;
  private readonly schedule: NoiseSchedule;
  private readonly latentShape: readonly [number, number, number];
  private readonly sampler: Sampler;
  private readonly identity: IdentityLoss | undefined;
  private readonly adversarial: AdversarialLoss | undefined;

  /** @throws InputError or CheckpointError if dataset and networks do not fit each other */
  constructor(
    private readonly dataset: FaceRows,
    private readonly networks: DiffusionNetworks,
    private readonly weights: TrainableWeights,
    private readonly options: DiffusionTaskOptions,
  ) {
    this.schedule = createNoiseSchedule(options.noise);
    this.latentShape = latentShapeOf(dataset, networks);
    const { batchSize, samples } = options;
    const { prompt, autoencoder } = networks;
    const latents = input("latents", "f32", [batchSize, ...this.latentShape]);
    const target = input("target", "f32", latents.shape);
    const timesteps = input("timesteps", "f32", [batchSize]);
    const lossWeights = input("lossWeights", "f32", [batchSize]);
    const tokens = input("tokens", "i64", [batchSize, prompt.tokens.length]);
    const faceEmbedding = input("faceEmbedding", "f32", [batchSize, dataset.index.embeddings.size]);
    const prediction = this.predict(latents, timesteps, tokens, faceEmbedding);
    const { loss, error } = denoisingLoss(prediction, target, lossWeights);
    const inputs = [latents, target, timesteps, lossWeights, tokens, faceEmbedding];
    const signal = input("signal", "f32", [batchSize]);
    const level = levelOf(signal);
    const cleanOf = (output: Value) => predictClean(this.schedule.predictionType, latents, output, level);
    const judged = { predicted: cleanOf(prediction), photo: cleanOf(target), faceEmbedding };
    if (options.identity) {
      this.identity = new IdentityLoss(options.identity, this.schedule, {
        latentShape: this.latentShape,
        network: (...operands) => this.predict(...operands),
        decode: (scaled) => decodeLatents(autoencoder, scaled),
        tokens,
        batch: judged,
      });
    }
    if (options.adversarial) {
      const discriminator = weights.network("discriminator");
      const subject = { ...judged, own: this.identity?.own };
      this.adversarial = new AdversarialLoss(options.adversarial, this.schedule, subject, discriminator);
    }
    const { identity, adversarial } = this;
    this.objective = {
      inputs: [...inputs, signal, ...(identity?.inputs ?? []), ...(adversarial?.inputs ?? [])],
      loss: [identity, adversarial].reduce((sum, term) => (term ? add(sum, term.loss) : sum), loss),
      metrics: { denoising: error, ...identity?.metrics, ...adversarial?.metrics },
    };
    this.sampler = new Sampler({
      dataset,
      latentShape: this.latentShape,
      plan: planSampling("dpm++", this.schedule, { steps: samples.steps }),
      prompt,
      predict: (...operands) => this.predict(...operands),
      decode: (scaled) => decodeLatents(autoencoder, scaled),
      weights,
      seed: options.seed,
      ...samples,
    });
  }

  get parameters() {
    return [...this.weights.parameters.values()];
  }

  async makeBatch(examples: readonly Example[], rng: TorchGenerator): Promise<Record<string, Tensor>> {
    const { schedule } = this;
    const { minSnrGamma, identityDropout } = this.options;
    const count = examples.length;
    const shape = [count, ...this.latentShape];
    const timesteps = Array.from(rng.randint(0, schedule.trainSteps, [count]).data, Number);
    const noise = rng.randn(shape).data;
    const isDropped = Array.from(rng.rand([count]).data, (value) => value < identityDropout);
    const clean = await readCleanLatents(this.dataset, examples);
    const { prompt } = this.networks;
    const conditions = await readConditions(this.dataset, examples, { ...this.options, prompt, isDropped }, rng);
    return {
      latents: f32(shape, addNoise(schedule, clean, noise, timesteps)),
      target: f32(shape, targetOf(schedule, clean, noise, timesteps)),
      timesteps: f32([count], timesteps),
      signal: f32(
        [count],
        timesteps.map((t) => Math.sqrt(schedule.alphasCumprod[t] as number)),
      ),
      lossWeights: f32(
        [count],
        timesteps.map((t) => (minSnrGamma === undefined ? 1 : minSnrWeight(schedule, t, minSnrGamma))),
      ),
      ...conditions,
      ...this.identity?.makeInputs(timesteps, conditions.faceEmbedding, rng),
      ...this.adversarial?.makeInputs(this.latentShape, rng),
    };
  }

  makeSheet(read: ReadWeight, signal: AbortSignal | undefined) {
    return this.sampler.makeSheet(read, signal);
  }

  async exportModel(folder: string, read: ReadWeight): Promise<void> {
    const { samples, noise, lora, exportDType } = this.options;
    const { size, recogniser } = this.dataset.index.embeddings;
    await exportDiffusionModel(folder, this.networks, this.latentShape, {
      parameters: this.parameters,
      read,
      noise,
      dtype: exportDType,
      loraScale: lora && lora.alpha / lora.rank,
      manifest: {
        prompt: this.networks.prompt,
        embeddingSize: size,
        recogniser,
        defaults: { sampler: "dpm++", steps: samples.steps, guidanceScale: samples.guidanceScale },
      },
    });
  }

  release(): Promise<void> {
    return this.sampler.release();
  }

  private predict(latents: Value, timesteps: Value, tokens: Value, faceEmbedding: Value): Value {
    const { unet: denoiser, projection, prompt } = this.networks;
    const encoder = this.weights.network("encoder", projection.weights);
    const conditioning = projectFace(encoder, projection.config, tokens, faceEmbedding, prompt.idToken);
    return unet(this.weights.network("unet", denoiser.weights), denoiser.config, latents, timesteps, conditioning);
  }
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
