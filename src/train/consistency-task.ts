import type { FaceRows } from "../data/dataset.js";
import { type ConsistencyOptions, planSolver, type SolverStep } from "../diffusion/lcm.js";
import { planSampling } from "../diffusion/samplers.js";
import { createNoiseSchedule, type NoiseSchedule } from "../diffusion/schedule.js";
import { addNoise } from "../diffusion/targets.js";
import { InputError } from "../errors.js";
import { constant, input, type Value } from "../graph/value.js";
import { FileWeights, Weights } from "../graph/weights.js";
import { projectFace } from "../models/projection.js";
import { unet } from "../models/unet.js";
import type { TorchGenerator } from "../tensor/random.js";
import { f32, type Tensor, tensor, zeros } from "../tensor/tensor.js";
import { type ConditionedTaskOptions, readCleanLatents, readConditions } from "./batch.js";
import { type ConsistencyMetric, consistencyLoss, guided } from "./consistency-loss.js";
import { decodeLatents, exportDiffusionModel, type FinishedModel, latentShapeOf } from "./diffusion-networks.js";
import { Sampler } from "./sampler.js";
import type { Objective } from "./step-graph.js";
import type { Example, ReadWeight, TrainingTask } from "./task.js";
import type { TrainableWeights } from "./weights.js";

export interface ConsistencyTaskOptions extends ConsistencyOptions, ConditionedTaskOptions {
  /** Of the teacher; 1 is off. */
  readonly guidanceScale: number;
  readonly loss: ConsistencyMetric;
}

/**
 * Distils the UNet of a finished model into one that needs few steps; its face encoder stays as it is.
 * Source: Luo 2023, "Latent Consistency Models", Algorithm 1.
 */
export class ConsistencyTask implements TrainingTask {
  readonly objective: Objective;
  private readonly schedule: NoiseSchedule;
  private readonly solver: readonly SolverStep[];
  private readonly latentShape: readonly [number, number, number];
  private readonly encoder: Weights;
  private readonly sampler: Sampler;

  /** @throws InputError or CheckpointError if dataset, model and options do not fit each other */
  constructor(
    private readonly dataset: FaceRows,
    private readonly start: FinishedModel,
    private readonly weights: TrainableWeights,
    private readonly options: ConsistencyTaskOptions,
  ) {
    const { batchSize, originalSteps, timestepScaling, samples } = options;
    const { prompt, autoencoder, encoder } = start;
    this.schedule = createNoiseSchedule(start.noise);
    this.solver = planSolver(this.schedule, options);
    const { predictionType } = this.schedule;
    if (predictionType === "epsilon" && this.solver[0]?.from.alpha === 0) {
      throw new InputError(
        "a model that predicts noise says nothing about the image at zero terminal SNR; distil one that predicts v",
      );
    }
    this.latentShape = latentShapeOf(dataset, start);
    this.encoder = new Weights(new FileWeights(encoder.weights));
    const { config } = start.unet;
    const student = weights.network("unet", start.unet.weights);
    const teacher = new Weights(new FileWeights(start.unet.weights));

    const latents = input("latents", "f32", [batchSize, ...this.latentShape]);
    const solverStep = input("solverStep", "i64", [batchSize]);
    const tokens = input("tokens", "i64", [batchSize, prompt.tokens.length]);
    const faceEmbedding = input("faceEmbedding", "f32", [batchSize, dataset.index.embeddings.size]);
    const conditioning = this.encode(tokens, faceEmbedding);
    const loss = consistencyLoss(
      {
        predictionType,
        solver: this.solver,
        student: (x, timesteps) => unet(student, config, x, timesteps, conditioning),
        teacher: guided(
          (...operands) => unet(teacher, config, ...operands),
          conditioning,
          this.encodeNobody(),
          options.guidanceScale,
        ),
        metric: options.loss,
      },
      latents,
      solverStep,
    );
    this.objective = { inputs: [latents, solverStep, tokens, faceEmbedding], loss, metrics: {} };
    this.sampler = new Sampler({
      dataset,
      latentShape: this.latentShape,
      plan: planSampling("lcm", this.schedule, { steps: samples.steps, originalSteps, timestepScaling }),
      prompt,
      predict: (x, timesteps, ...condition) => unet(student, config, x, timesteps, this.encode(...condition)),
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
    const count = examples.length;
    const shape = [count, ...this.latentShape];
    const solverStep = rng.randint(0, this.solver.length, [count]);
    const noise = rng.randn(shape).data;
    const clean = await readCleanLatents(this.dataset, examples);
    const timesteps = Array.from(solverStep.data, (i) => (this.solver[Number(i)] as SolverStep).from.timestep);
    return {
      latents: f32(shape, addNoise(this.schedule, clean, noise, timesteps)),
      solverStep,
      ...(await readConditions(this.dataset, examples, { ...this.options, prompt: this.start.prompt }, rng)),
    };
  }

  makeSheet(read: ReadWeight, signal: AbortSignal | undefined) {
    return this.sampler.makeSheet(read, signal);
  }

  async exportModel(folder: string, read: ReadWeight): Promise<void> {
    const { samples, lora, exportDType, originalSteps, timestepScaling } = this.options;
    const { encoder: projection, noise, manifest } = this.start;
    const defaults = { sampler: "lcm", steps: samples.steps, guidanceScale: samples.guidanceScale };
    // Beside low-rank updates lies the network that was there before, which is sampled as before.
    const changes = lora ? {} : { defaults };
    await exportDiffusionModel(folder, { ...this.start, projection }, this.latentShape, {
      parameters: this.parameters,
      read,
      noise,
      consistency: { originalSteps, timestepScaling },
      dtype: exportDType,
      loraScale: lora && lora.alpha / lora.rank,
      manifest: { ...manifest, ...changes },
    });
  }

  release(): Promise<void> {
    return this.sampler.release();
  }

  private encode(tokens: Value, faceEmbedding: Value): Value {
    const { config } = this.start.encoder;
    return projectFace(this.encoder, config, tokens, faceEmbedding, this.start.prompt.idToken);
  }

  /** What the conditioning of nobody is, float [1, L, D]: a constant, which ONNX Runtime computes once. */
  private encodeNobody(): Value {
    const { unconditional } = this.start.prompt;
    return this.encode(
      constant(tensor("i64", [1, unconditional.length], BigInt64Array.from(unconditional, BigInt))),
      constant(zeros("f32", [1, this.dataset.index.embeddings.size])),
    );
  }
}
