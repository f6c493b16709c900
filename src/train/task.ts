import type { Image } from "../image/image.js";
import type { TorchGenerator } from "../tensor/random.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Objective } from "./step-graph.js";
import type { TrainedParameter } from "./weights.js";

/** Reads a trained tensor by its path: its moving average, where there is one. */
export type ReadWeight = (path: string) => Promise<Tensor<"f32">>;

/** A row of the dataset as a run takes it. */
export interface Example {
  readonly row: number;
  readonly mirrored: boolean;
}

/** What differs between the training methods; everything else is the loop's. */
export interface TrainingTask {
  readonly objective: Objective;
  readonly parameters: readonly TrainedParameter[];
  /** The inputs of the objective for some examples. Draws from `rng` only, so that it can be repeated. */
  makeBatch(examples: readonly Example[], rng: TorchGenerator): Promise<Record<string, Tensor>>;
  /** A picture of what the weights can do. */
  makeSheet(read: ReadWeight, signal: AbortSignal | undefined): Promise<Image>;
  /** Writes the result, in the layout that the pipeline loads. */
  exportModel(folder: string, read: ReadWeight): Promise<void>;
  release(): Promise<void>;
}
