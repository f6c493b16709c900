import { CheckpointError, InputError } from "../errors.js";
import { exportOnnx } from "../graph/export.js";
import { Session, type SessionOptions } from "../runtime/session.js";
import type { SessionState } from "../runtime/session-state.js";
import { elementCount, f32, type Shape, type Tensor, zeros } from "../tensor/tensor.js";
import { adamWFeeds, type Parameter, slotName } from "./optimizer.js";
import type { Slot } from "./packing.js";
import {
  emaRateInput,
  finiteOutput,
  keepInput,
  type Objective,
  type StepGraph,
  type StepGraphOptions,
  stepGraph,
} from "./step-graph.js";

type Tensors = Record<string, Tensor>;

/** What one update reports. */
export interface StepResult {
  readonly loss: number;
  /** Length of the gradient before clipping. */
  readonly gradientNorm: number;
  /** False if the loss or the gradient is no finite number; then nothing was changed. */
  readonly isFinite: boolean;
  readonly metrics: Readonly<Record<string, number>>;
}

/** A tensor of the training state, by the name that it has in checkpoints. */
export interface StateEntry {
  readonly name: string;
  readonly shape: Shape;
}

export interface TrainStepOptions extends StepGraphOptions, Pick<SessionOptions, "device" | "threads"> {}

/**
 * First value of a tensor of the state: of a parameter by its path; of what the optimizer keeps for it by
 * {@link slotName}, undefined at the start of a run.
 */
export type InitialState = (name: string) => Promise<Tensor | undefined>;

/** What changes from update to update. */
export interface UpdateNumbers {
  /** Counted from 1. */
  readonly update: number;
  readonly learningRate: number;
  /** Share of the old average that is kept. */
  readonly emaDecay: number;
}

/** An optimization step with its state (parameters, moments, moving average), wherever that is. */
export interface OptimizationStep {
  /** What a checkpoint holds: parameters by path, and what the optimizer keeps for each, under {@link slotName}. */
  readonly entries: readonly StateEntry[];
  /** Time so far that was spent inside ONNX Runtime, in milliseconds. */
  readonly runMs: number;
  /**
   * One update.
   * @param batches as many as `accumulate` says, each with a tensor for every input of the objective
   */
  run(batches: readonly Tensors[], numbers: UpdateNumbers): Promise<StepResult>;
  /** The present values of the state's tensors, read as they are asked for. Only good until the next update. */
  reader(): Promise<(name: string) => Promise<Tensor<"f32">>>;
  release(): Promise<void>;
}

/**
 * A step that is one graph, with the state in the session's worker: one run of the session, or one for each batch where
 * gradients are accumulated. The quickest, but it holds the state twice, and gradients and activations of all layers.
 */
export class TrainStep implements OptimizationStep {
  private constructor(
    private readonly session: Session,
    private readonly state: SessionState,
    private readonly graph: StepGraph,
    private readonly options: TrainStepOptions,
    private readonly places: readonly Place[],
  ) {}

  /** @throws CheckpointError if the initial values do not fit */
  static async load(
    objective: Objective,
    parameters: readonly Parameter[],
    initial: InitialState,
    options: TrainStepOptions,
  ): Promise<TrainStep> {
    const graph = stepGraph(objective, parameters, options);
    const session = await Session.load(exportOnnx(graph.graph), options);
    const places = placesOf(graph.slots, options);
    const values: Tensors = {};
    for (const place of places) values[place.slot] = await fill(place, initial);
    const state = await session.createState(values);
    return new TrainStep(session, state, graph, options, places);
  }

  get entries(): readonly StateEntry[] {
    return this.places.flatMap(({ entries, isScratch }) => (isScratch ? [] : entries));
  }

  get runMs(): number {
    return this.session.stats.totalRunMs;
  }

  async run(batches: readonly Tensors[], { update, learningRate, emaDecay }: UpdateNumbers): Promise<StepResult> {
    const { optimizer, ema, accumulate } = this.options;
    const scalars = {
      ...adamWFeeds(optimizer, learningRate, update),
      ...(ema && { [emaRateInput]: 1 - emaDecay }),
    };
    const results: StepResult[] = [];
    for (const [i, batch] of batches.entries()) {
      const numbers = accumulate === 1 ? scalars : { ...scalars, [keepInput]: i === 0 ? 0 : 1 };
      const outputs = await this.session.run(
        { ...batch, ...mapValues(numbers, (value) => f32([], [value])) },
        {
          state: this.state,
          carry: i === batches.length - 1 ? this.graph.update : this.graph.gather,
          carryIf: finiteOutput,
          outputs: this.graph.reported,
        },
      );
      results.push(toResult(outputs));
      if (!results.at(-1)?.isFinite) break;
    }
    return { ...(results.at(-1) as StepResult), ...averageResults(results) };
  }

  async reader(): Promise<(name: string) => Promise<Tensor<"f32">>> {
    const vectors = this.places.filter(({ entries }) => entries.length > 1);
    const packed = await this.state.read(vectors.map(({ slot }) => slot));
    return async (name) => {
      const place = this.places.find(({ entries }) => entries.some((entry) => entry.name === name));
      if (!place) throw new InputError(`The training state holds no "${name}".`);
      const whole = packed[place.slot] ?? (await this.state.read([place.slot]))[place.slot];
      return takeEntry(place, name, whole as Tensor<"f32">);
    };
  }

  release(): Promise<void> {
    return this.session.release();
  }
}

/** An input of the state, and the tensors that lie in it end to end. */
interface Place {
  readonly slot: string;
  readonly shape: Shape;
  readonly entries: readonly (StateEntry & { readonly copyOf?: string })[];
  /** Means nothing between updates, so that checkpoints leave it out. */
  readonly isScratch: boolean;
}

/** The state that belongs to the parameters. An average starts as a copy of its parameter, the rest as zeros. */
function placesOf(slots: readonly Slot[], { ema, accumulate }: StepGraphOptions): Place[] {
  return slots.flatMap(({ value, members }) => {
    const place = (rename: (path: string) => string, { copies = false, isScratch = false } = {}): Place => ({
      slot: rename(value.name as string),
      shape: value.shape as Shape,
      isScratch,
      entries: members.map(({ value: { name, shape } }) => ({
        name: rename(name as string),
        shape: shape as Shape,
        ...(copies && { copyOf: name as string }),
      })),
    });
    return [
      place((path) => path),
      place(slotName.moment1),
      place(slotName.moment2),
      ...(ema ? [place(slotName.ema, { copies: true })] : []),
      ...(accumulate > 1 ? [place(slotName.gradient, { isScratch: true })] : []),
    ];
  });
}

/** The first value of an input of the state. */
async function fill({ shape, entries }: Place, initial: InitialState): Promise<Tensor> {
  const filled = zeros("f32", shape);
  let offset = 0;
  for (const entry of entries) {
    const given = await readInitial(entry, initial);
    if (given) filled.data.set(given, offset);
    offset += elementCount(entry.shape);
  }
  return filled;
}

/** @throws CheckpointError if the value does not fit */
export async function readInitial(
  { name, shape, copyOf }: StateEntry & { readonly copyOf?: string },
  initial: InitialState,
): Promise<Float32Array | undefined> {
  const given = (await initial(name)) ?? (copyOf === undefined ? undefined : await initial(copyOf));
  if (given && (given.dtype !== "f32" || String(given.shape) !== String(shape))) {
    throw new CheckpointError(`"${name}" is ${given.dtype} [${given.shape}], the network has f32 [${shape}]`);
  }
  return given?.data as Float32Array | undefined;
}

function takeEntry({ entries }: Place, name: string, whole: Tensor<"f32">): Tensor<"f32"> {
  if (entries.length === 1) return { ...whole, shape: (entries[0] as StateEntry).shape };
  const index = entries.findIndex((entry) => entry.name === name);
  const offset = entries.slice(0, index).reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const { shape } = entries[index] as StateEntry;
  return { dtype: "f32", shape, data: whole.data.slice(offset, offset + elementCount(shape)) };
}

function toResult(outputs: Tensors): StepResult {
  const { loss, gradientNorm, [finiteOutput]: finite, ...metrics } = mapValues(outputs, ({ data }) => Number(data[0]));
  return { loss: loss as number, gradientNorm: gradientNorm as number, isFinite: finite === 1, metrics };
}

/** Means of the loss and the metrics of several batches. */
export function averageResults(results: readonly Pick<StepResult, "loss" | "metrics">[]) {
  const mean = (pick: (result: Pick<StepResult, "loss" | "metrics">) => number) =>
    results.reduce((sum, result) => sum + pick(result), 0) / results.length;
  return {
    loss: mean(({ loss }) => loss),
    metrics: mapValues(results.at(-1)?.metrics ?? {}, (_, name) => mean(({ metrics }) => metrics[name] as number)),
  };
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, map: (value: A, name: string) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}
