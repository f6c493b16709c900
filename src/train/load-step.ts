import { CheckpointError } from "../errors.js";
import type { SessionOptions } from "../runtime/session.js";
import { readTensor, type SafetensorsFile } from "../tensor/safetensors.js";
import { elementCount, type Shape } from "../tensor/tensor.js";
import type { RunConfig } from "./config.js";
import type { Parameter } from "./optimizer.js";
import { StagedStep } from "./staged-step.js";
import { FileStore, MemoryStore, type VectorLengths } from "./state-store.js";
import { type OptimizationStep, TrainStep } from "./step.js";
import type { TrainingTask } from "./task.js";

export interface LoadStepOptions extends Pick<SessionOptions, "device" | "threads"> {
  /** A file for the state where it is kept on disk. */
  readonly statePath: string;
}

/**
 * From this many trained parameters on, a step goes in stages. Only the network counts, not the machine, so that a run
 * computes the same numbers wherever it goes on.
 */
const stagedFrom = 2 ** 28;

/**
 * Compiles the step of a run, in one graph or in stages, and gives it its first state.
 * @param saved a checkpoint's tensors; absent at the start of a run
 * @throws CheckpointError if the checkpoint is of another architecture
 */
export async function loadStep(
  { objective, parameters }: Pick<TrainingTask, "objective" | "parameters">,
  { optimizer, ema, accumulate, recompute, offload = automatic(parameters) }: RunConfig,
  saved: SafetensorsFile | undefined,
  { device, threads, statePath }: LoadStepOptions,
): Promise<OptimizationStep> {
  const options = {
    optimizer,
    ema: ema !== null,
    accumulate,
    recompute,
    ...(device && { device }),
    ...(threads !== undefined && { threads }),
  };
  const starts = new Map(parameters.map(({ path, initial }) => [path, initial]));
  const initial = async (name: string) => {
    if (!saved) return starts.get(name)?.();
    return saved.entries.has(name) ? readTensor(saved, name) : undefined;
  };
  const openStore = async (lengths: VectorLengths) =>
    offload === "memory" ? new MemoryStore(lengths) : FileStore.open(statePath, lengths);
  const step =
    offload === "never"
      ? await TrainStep.load(objective, parameters, initial, options)
      : await StagedStep.load(objective, parameters, initial, { ...options, openStore });
  const expected = new Set(step.entries.map(({ name }) => name));
  const has = (name: string) => saved === undefined || saved.entries.has(name);
  const extra = [...(saved?.entries.keys() ?? [])].find((name) => !expected.has(name));
  const wrong = extra ?? [...expected].find((name) => !has(name));
  if (wrong !== undefined) {
    await step.release();
    throw new CheckpointError(`the checkpoint is of another architecture: "${wrong}" is only in one of the two`);
  }
  return step;
}

function automatic(parameters: readonly Parameter[]): "never" | "disk" {
  const count = parameters.reduce((sum, { value }) => sum + elementCount(value.shape as Shape), 0);
  return count < stagedFrom ? "never" : "disk";
}
