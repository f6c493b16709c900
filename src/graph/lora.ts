import { CheckpointError } from "../errors.js";
import type { Shape } from "../tensor/tensor.js";
import { add, matmul, mul, reshape } from "./operators/index.js";
import type { Value } from "./value.js";
import type { Initializer, WeightSource } from "./weights.js";

/** The two factors of a low-rank update of one weight. */
export interface LowRankUpdate {
  /** float [rank, in] or [rank, in, kH, kW] */
  readonly down: Value;
  /** float [out, rank] or [out, rank, 1, 1] */
  readonly up: Value;
  /** The update is multiplied by alpha / rank; default: rank. */
  readonly alpha?: number;
}

/**
 * Weights with low-rank updates added: W + scale * (alpha / rank) * up @ down. The sum is part of the graph; ONNX Runtime
 * folds it into a constant when it loads the model, so merged networks run as fast as plain ones.
 * Source: Hu 2021 §4.1.
 */
export class LoraWeights implements WeightSource {
  constructor(
    private readonly base: WeightSource,
    /** By weight path, for example `mid_block.attentions.0.proj_in.weight`. */
    private readonly updates: ReadonlyMap<string, LowRankUpdate>,
    private readonly scale: number,
  ) {}

  has(path: string): boolean {
    return this.base.has(path);
  }

  get(path: string, shape: Shape, initializer: Initializer): Value {
    const weight = this.base.get(path, shape, initializer);
    const update = this.updates.get(path);
    if (!update || this.scale === 0) return weight;
    const rank = update.down.shape[0] as number;
    const [out, ...rest] = shape as [number, ...number[]];
    const inner = rest.reduce((a, b) => a * b, 1);
    const fits = update.up.shape[1] === rank && update.up.shape[0] === out && count(update.down) === rank * inner;
    if (!fits) {
      const [up, down] = [update.up, update.down].map((value) => `[${value.shape.join(", ")}]`);
      throw new CheckpointError(
        `LoRA of "${path}": factors ${up} and ${down} do not give a weight [${shape.join(", ")}]`,
      );
    }
    const product = matmul(reshape(update.up, [out, rank]), reshape(update.down, [rank, inner]));
    const factor = (this.scale * (update.alpha ?? rank)) / rank;
    return add(weight, mul(reshape(product, shape), factor));
  }
}

const count = (value: Value): number => value.shape.reduce<number>((n, dim) => n * (dim as number), 1);
