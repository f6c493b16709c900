import { DivergenceError } from "../errors.js";
import type { SessionOptions } from "../runtime/session.js";
import type { Tensor } from "../tensor/tensor.js";
import type { RunConfig } from "./config.js";
import { DataOrder } from "./data-order.js";
import { loadStep } from "./load-step.js";
import { slotName } from "./optimizer.js";
import { randomFor } from "./random.js";
import type { RunFolder } from "./run-folder.js";
import { emaDecayAt, learningRateAt } from "./schedules.js";
import type { OptimizationStep, StepResult } from "./step.js";
import type { Example, ReadWeight, TrainingTask } from "./task.js";

/** What a run reports after every update. */
export interface TrainProgress {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly imagesPerSecond: number;
}

export interface RunOptions extends Pick<SessionOptions, "device" | "threads"> {
  /** Aborting saves a checkpoint after the update that is being made, and ends the run. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
  /** Told what the user should know, such as a damaged checkpoint. */
  readonly onMessage?: ((message: string) => void) | undefined;
}

export interface RunResult {
  /** Updates done. */
  readonly step: number;
  readonly steps: number;
  /** Folder of the finished model; absent if the run was interrupted. */
  readonly model?: string;
}

/**
 * Trains from the newest checkpoint of the folder, or from the start, to the end. Everything follows from recipe, data
 * and the number of updates done, so that an interrupted run that goes on ends with the same weights, to the bit.
 * @param count rows of the dataset
 * @throws DivergenceError at a loss or gradient that is not finite; the state before is saved
 * @throws CheckpointError if a checkpoint cannot be written, or is of another architecture
 */
export async function runTraining(
  task: TrainingTask,
  config: RunConfig,
  count: number,
  folder: RunFolder,
  options: RunOptions = {},
): Promise<RunResult> {
  const { signal, onProgress, onMessage = () => undefined } = options;
  const perUpdate = config.batchSize * config.accumulate;
  const order = new DataOrder(count, config.dataShare, config.seed);
  const steps = config.steps ?? Math.ceil(((config.epochs as number) * order.count) / perUpdate);
  const checkpoint = await folder.checkpoints.latest(onMessage);
  const { device, threads } = options;
  const trainStep = await loadStep(task, config, checkpoint?.tensors, {
    statePath: folder.statePath,
    ...(device && { device }),
    ...(threads !== undefined && { threads }),
  });
  try {
    let done = checkpoint?.step ?? 0;
    await folder.cutLog(done);
    const prepare = (step: number) => makeBatches(task, config, order, step);
    const read = () => readAverages(trainStep, config.ema !== null);
    const save = async () => {
      await folder.checkpoints.save(done, trainStep.entries, await trainStep.reader());
      if (config.checkpoints.exportModel) await task.exportModel(folder.modelPath, await read());
    };
    const clock = new Clock(perUpdate);
    let next = done < steps ? prepare(done) : undefined;
    while (done < steps) {
      const batches = await (next as ReturnType<typeof prepare>);
      // The next batches are made while the worker computes.
      next = done + 1 < steps ? prepare(done + 1) : undefined;
      next?.catch(() => undefined);
      const learningRate = learningRateAt(config.learningRate, done, steps);
      const emaDecay = config.ema ? emaDecayAt(config.ema, done + 1) : 0;
      const result = await trainStep.run(batches, { update: done + 1, learningRate, emaDecay });
      if (!result.isFinite) {
        await save();
        throw diverged(result, done, folder.path);
      }
      done++;
      const { loss, gradientNorm, metrics } = result;
      const timing = clock.lap(trainStep.runMs);
      await folder.log({ step: done, loss, gradientNorm, learningRate, ...timing, ...metrics });
      onProgress?.({ step: done, steps, loss, gradientNorm, imagesPerSecond: clock.imagesPerSecond });
      const isLast = done === steps;
      if (isLast || signal?.aborted || done % config.checkpoints.every === 0) await save();
      if (signal?.aborted && !isLast) {
        await folder.plot();
        return { step: done, steps };
      }
      if (isLast || done % config.samples.every === 0) {
        await folder.plot();
        await folder.writeSheet(done, await task.makeSheet(await read(), signal));
      }
    }
    await task.exportModel(folder.modelPath, await read());
    return { step: done, steps, model: folder.modelPath };
  } finally {
    await trainStep.release();
  }
}

/** The weights that samples and the finished model are made of. */
async function readAverages(step: OptimizationStep, hasEma: boolean): Promise<ReadWeight> {
  const read = await step.reader();
  return (path) => read(hasEma ? slotName.ema(path) : path);
}

async function makeBatches(task: TrainingTask, config: RunConfig, order: DataOrder, step: number) {
  const { batchSize, accumulate, seed, mirror } = config;
  const rng = randomFor(seed, "batch", step);
  const batches: Record<string, Tensor>[] = [];
  for (let i = 0; i < accumulate; i++) {
    const first = (step * accumulate + i) * batchSize;
    const coins = rng.rand([batchSize]).data;
    const examples = Array.from(
      { length: batchSize },
      (_, k): Example => ({ row: order.at(first + k), mirrored: mirror && (coins[k] as number) < 0.5 }),
    );
    batches.push(await task.makeBatch(examples, rng));
  }
  return batches;
}

/** Times of updates. */
class Clock {
  private lastMs = performance.now();
  private lastRunMs = 0;
  private readonly recent: number[] = [];

  constructor(private readonly images: number) {}

  /** @param runMs time inside the session so far */
  lap(runMs: number): { imagesPerSecond: number; overhead: number } {
    const now = performance.now();
    const elapsedMs = now - this.lastMs;
    const overhead = Math.max(0, 1 - (runMs - this.lastRunMs) / elapsedMs);
    this.lastMs = now;
    this.lastRunMs = runMs;
    this.recent.push(elapsedMs);
    if (this.recent.length > 20) this.recent.shift();
    return { imagesPerSecond: (1000 * this.images) / elapsedMs, overhead };
  }

  /** Over the last twenty updates. */
  get imagesPerSecond(): number {
    return (1000 * this.images * this.recent.length) / this.recent.reduce((a, b) => a + b, 0);
  }
}

function diverged({ loss, gradientNorm }: StepResult, done: number, path: string): DivergenceError {
  return new DivergenceError(
    `step ${done + 1}: the loss is ${loss}, the gradient's length ${gradientNorm}. The state before it is saved in ${path}. ` +
      "Lower the learning rate, lengthen the warm-up, or set optimizer.clipNorm",
  );
}
