import { LoraWeights } from "../graph/lora.js";
import { constant, input, type Value } from "../graph/value.js";
import { FileWeights, type Initializer, initialize, type WeightSource, Weights } from "../graph/weights.js";
import { cast } from "../tensor/convert.js";
import type { TorchGenerator } from "../tensor/random.js";
import { readTensor, type SafetensorsFile } from "../tensor/safetensors.js";
import type { Shape, Tensor } from "../tensor/tensor.js";
import type { Parameter } from "./optimizer.js";

/** What holds for the parameters whose path (`unet.mid_block.resnets.0.conv1.weight`) a pattern matches. */
export interface ParameterRule {
  /** `*` stands for any characters. The last rule that matches counts. */
  readonly match: string;
  /** Not trained: stays as in the starting weights. */
  readonly freeze?: boolean | undefined;
  /** Factor on the learning rate. */
  readonly rateScale?: number | undefined;
  readonly weightDecay?: number | undefined;
}

export interface LoraOptions {
  readonly rank: number;
  /** The update is multiplied by alpha / rank. */
  readonly alpha: number;
  /** Weights that get an update; everything else is frozen. */
  readonly match: readonly string[];
}

export interface TrainableWeightsOptions {
  readonly rules: readonly ParameterRule[];
  /** Weight decay where no rule gives one. */
  readonly weightDecay: number;
  readonly lora?: LoraOptions | undefined;
  /** For parameters that start from random numbers. */
  readonly generator: TorchGenerator;
}

/** A parameter that is trained, and how it starts. */
export interface TrainedParameter extends Parameter {
  readonly path: string;
  initial(): Promise<Tensor<"f32">>;
}

/**
 * Weights of the networks that are being trained. Trained parameters are inputs of the graph, named by network and path;
 * frozen ones stay in their file. One object serves every graph of a run, so that all read the same inputs.
 */
export class TrainableWeights {
  readonly parameters = new Map<string, TrainedParameter>();

  constructor(private readonly options: TrainableWeightsOptions) {}

  /** The weights of one network, starting from a file or from random numbers. */
  network(name: string, file?: SafetensorsFile): Weights {
    const plain = this.source(name, file);
    const { lora } = this.options;
    return new Weights(lora ? this.lowRank(name, plain, lora) : plain);
  }

  private source(network: string, file: SafetensorsFile | undefined): WeightSource {
    const frozen = new Map<string, Value>();
    const stored = file && new FileWeights(file);
    const has = (path: string) => file?.entries.has(path) ?? true;
    const get = (path: string, shape: Shape, initializer: Initializer): Value => {
      const name = `${network}.${path}`;
      const { freeze, ...rule } = this.ruleFor(name);
      if (!freeze && !this.options.lora) return this.trained(name, shape, initializer, rule, file, path);
      const value = frozen.get(path) ?? stored?.get(path, shape) ?? constant(this.draw(shape, initializer), name);
      frozen.set(path, value);
      return value;
    };
    return { has, get };
  }

  /** Weights with trained low-rank updates; what is not matched is frozen. Source: Hu 2021 §4.1; peft's initialization. */
  private lowRank(network: string, base: WeightSource, { rank, alpha, match }: LoraOptions): WeightSource {
    const get = (path: string, shape: Shape, initializer: Initializer): Value => {
      const name = `${network}.${path}`;
      if (shape.length < 2 || !match.some((pattern) => matches(pattern, name)))
        return base.get(path, shape, initializer);
      const module = name.replace(/\.weight$/, "");
      const [out = 0, ...inner] = shape;
      const fanIn = inner.reduce((a, b) => a * b, 1);
      const upShape = [out, rank, ...inner.slice(1).map(() => 1)];
      const rule = this.ruleFor(name);
      const down = this.trained(
        `${module}.lora_A.weight`,
        [rank, ...inner],
        { kind: "uniform", bound: 1 / Math.sqrt(fanIn) },
        rule,
      );
      const up = this.trained(`${module}.lora_B.weight`, upShape, { kind: "constant", value: 0 }, rule);
      return new LoraWeights(base, new Map([[path, { down, up, alpha }]]), 1).get(path, shape, initializer);
    };
    return { has: (path) => base.has(path), get };
  }

  private trained(
    name: string,
    shape: Shape,
    initializer: Initializer,
    { rateScale, weightDecay = this.options.weightDecay }: Omit<ParameterRule, "match" | "freeze">,
    file?: SafetensorsFile,
    path = name,
  ): Value {
    const known = this.parameters.get(name);
    if (known) return known.value;
    if (file) new FileWeights(file).get(path, shape);
    const value = input(name, "f32", shape);
    const drawn = file ? undefined : this.draw(shape, initializer);
    const initial = async () => drawn ?? cast(await readTensor(file as SafetensorsFile, path), "f32");
    this.parameters.set(name, { path: name, value, rateScale, weightDecay, initial });
    return value;
  }

  private ruleFor(path: string): Omit<ParameterRule, "match"> {
    return this.options.rules.findLast(({ match }) => matches(match, path)) ?? {};
  }

  private draw(shape: Shape, initializer: Initializer): Tensor<"f32"> {
    return initialize(this.options.generator, shape, initializer);
  }
}

/** Whether a path fits a pattern in which `*` stands for any characters. */
export function matches(pattern: string, path: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(path);
}
