import { CheckpointError } from "../errors.js";
import { TorchGenerator } from "../tensor/random.js";
import type { SafetensorsFile } from "../tensor/safetensors.js";
import { type Shape, type Tensor, tensor } from "../tensor/tensor.js";
import { cast } from "./operators/elementwise.js";
import { constant, input, type Value } from "./value.js";

/** How a layer's parameter starts when a network is made from scratch. */
export type Initializer =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "uniform"; readonly bound: number }
  | { readonly kind: "normal"; readonly std: number };

/** Where parameters come from: a file, random numbers, or graph inputs (when they are trained). */
export interface WeightSource {
  has(path: string): boolean;
  /** A float32 value of this shape. @throws CheckpointError if it is missing or has another shape */
  get(path: string, shape: Shape, initializer: Initializer): Value;
}

export interface WeightsOptions {
  /** Compute convolutions with stored weights as matrix products, too, where that is quicker on a processor. */
  readonly winograd?: boolean;
}

/** A view of a WeightSource below one module path: `weights.at("mid_block").at("resnets.0").get("conv1.weight", …)`. */
export class Weights {
  constructor(
    private readonly source: WeightSource,
    readonly path = "",
    readonly options: WeightsOptions = {},
  ) {}

  at(name: string | number): Weights {
    return new Weights(this.source, this.join(name), this.options);
  }

  has(name: string): boolean {
    return this.source.has(this.join(name));
  }

  get(name: string, shape: Shape, initializer: Initializer): Value {
    return this.source.get(this.join(name), shape, initializer);
  }

  private join(name: string | number): string {
    return this.path ? `${this.path}.${name}` : String(name);
  }
}

/** Throws unless a stored shape is the one that the network expects. */
function requireShape(path: string, expected: Shape, found: Shape, where: string): void {
  if (expected.length === found.length && expected.every((size, i) => size === found[i])) return;
  throw new CheckpointError(
    `${where}: "${path}" has shape [${found.join(", ")}], the network expects [${expected.join(", ")}]; ` +
      "the config.json beside the weights describes another architecture",
  );
}

/** Weights that stay in their safetensors file; f16 and bf16 are cast in the graph. Remembers which were used. */
export class FileWeights implements WeightSource {
  private readonly values = new Map<string, Value>();

  constructor(private readonly file: SafetensorsFile) {}

  has(path: string): boolean {
    return this.file.entries.has(path);
  }

  get(path: string, shape: Shape): Value {
    const entry = this.file.entries.get(path);
    if (!entry) {
      throw new CheckpointError(`${this.file.path}: weight "${path}" is missing; the file holds another architecture`);
    }
    requireShape(path, shape, entry.shape, this.file.path);
    const known = this.values.get(path);
    if (known) return known;
    if (!["f32", "f16", "bf16", "f64"].includes(entry.dtype)) {
      throw new CheckpointError(`${this.file.path}: "${path}" is ${entry.dtype}; expected a floating-point type`);
    }
    const slice = { path: this.file.path, offset: entry.offset, byteLength: entry.byteLength };
    const stored: Value = { name: path, dtype: entry.dtype, shape: entry.shape, origin: { kind: "file", slice } };
    const value = cast(stored, "f32");
    this.values.set(path, value);
    return value;
  }

  /** Keys of the file that no layer asked for. */
  unused(): string[] {
    return [...this.file.entries.keys()].filter((path) => !this.values.has(path));
  }
}

/** Weights in memory, of a format that has to be decoded. They become part of the graph. */
export class TensorWeights implements WeightSource {
  constructor(
    private readonly tensors: ReadonlyMap<string, Tensor<"f32">>,
    /** The file that they come from. */
    private readonly where: string,
  ) {}

  has(path: string): boolean {
    return this.tensors.has(path);
  }

  get(path: string, shape: Shape): Value {
    const found = this.tensors.get(path);
    if (!found) {
      throw new CheckpointError(`${this.where}: weight "${path}" is missing; the file holds another architecture`);
    }
    requireShape(path, shape, found.shape, this.where);
    return constant(found, path);
  }
}

/** Seeded random weights held in the graph, as a network starts its training. Same seed, same network. */
export class RandomWeights implements WeightSource {
  private readonly values = new Map<string, Value>();
  private readonly generator: TorchGenerator;

  constructor(seed: number) {
    this.generator = new TorchGenerator(seed);
  }

  has(): boolean {
    return true;
  }

  get(path: string, shape: Shape, initializer: Initializer): Value {
    const known = this.values.get(path);
    if (known) return known;
    const value = constant(initialize(this.generator, shape, initializer), path);
    this.values.set(path, value);
    return value;
  }
}

/** Weights fed from outside at every run; records them so that a trainer can create and update them. */
export class InputWeights implements WeightSource {
  readonly parameters = new Map<string, { readonly value: Value; readonly initializer: Initializer }>();

  has(): boolean {
    return true;
  }

  get(path: string, shape: Shape, initializer: Initializer): Value {
    const known = this.parameters.get(path);
    if (known) return known.value;
    const value = input(path, "f32", shape);
    this.parameters.set(path, { value, initializer });
    return value;
  }
}

/** A parameter's first value, float32. */
export function initialize(generator: TorchGenerator, shape: Shape, initializer: Initializer) {
  switch (initializer.kind) {
    case "constant": {
      const count = shape.reduce((product, size) => product * size, 1);
      return tensor("f32", shape, new Float32Array(count).fill(initializer.value));
    }
    case "normal": {
      const values = generator.randn(shape);
      return tensor(
        "f32",
        shape,
        values.data.map((x) => x * initializer.std),
      );
    }
    case "uniform": {
      const values = generator.rand(shape);
      return tensor(
        "f32",
        shape,
        values.data.map((x) => (2 * x - 1) * initializer.bound),
      );
    }
  }
}
