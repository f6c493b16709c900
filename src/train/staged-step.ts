import { InputError } from "../errors.js";
import { exportOnnx } from "../graph/export.js";
import { Session } from "../runtime/session.js";
import { elementCount, f32, type Shape, type Tensor, tensor } from "../tensor/tensor.js";
import { adamWFeeds, type Parameter, slotName } from "./optimizer.js";
import { StagedGradient } from "./staged-gradient.js";
import type { StateStore, VectorLengths } from "./state-store.js";
import {
  averageResults,
  type InitialState,
  type OptimizationStep,
  readInitial,
  type StateEntry,
  type StepResult,
  type TrainStepOptions,
  type UpdateNumbers,
} from "./step.js";
import { emaRateInput, type Objective } from "./step-graph.js";
import { anyPath, gradientNormInput, updatedAs, updateGraph } from "./update-graph.js";

type Tensors = Record<string, Tensor>;

export interface StagedStepOptions extends TrainStepOptions {
  /** Makes the place where state and gradients are kept. */
  openStore(lengths: VectorLengths): Promise<StateStore>;
  /** About how much memory a stage may take; default 2 GiB. */
  readonly stageBytes?: number;
}

/** Elements that are updated at a time. */
const chunkLength = 2 ** 20;

/** Parameters that the same session can update. */
const updateKey = ({ rateScale, weightDecay }: Parameter): string => JSON.stringify([rateScale, weightDecay]);
const pathOf = ({ value }: Parameter): string => value.name as string;
const lengthOf = ({ value }: Parameter): number => elementCount(value.shape as Shape);

/**
 * A step for large networks: the network goes forward and back stage by stage, gradients are added up outside of the
 * sessions, and then the parameters are updated piece by piece. It computes what {@link TrainStep} does, up to the
 * order of sums.
 */
export class StagedStep implements OptimizationStep {
  readonly entries: readonly StateEntry[];

  private constructor(
    private readonly gradient: StagedGradient,
    /** By {@link updateKey}. */
    private readonly updates: ReadonlyMap<string, Session>,
    private readonly parameters: readonly Parameter[],
    private readonly store: StateStore,
    private readonly options: StagedStepOptions,
  ) {
    this.entries = parameters.flatMap((parameter) => entriesOf(parameter, options.ema));
  }

  /** @throws CheckpointError if the initial values do not fit */
  static async load(
    objective: Objective,
    parameters: readonly Parameter[],
    initial: InitialState,
    options: StagedStepOptions,
  ): Promise<StagedStep> {
    const { stageBytes = 2 ** 31, ema, device, threads } = options;
    const sessionOptions = { ...(device && { device }), ...(threads !== undefined && { threads }) };
    const store = await options.openStore(vectorLengths(parameters, ema));
    const updates = new Map<string, Session>();
    try {
      for (const entry of parameters.flatMap((parameter) => entriesOf(parameter, ema))) {
        const values = await readInitial(entry, initial);
        if (values) await store.write(entry.name, 0, values);
      }
      for (const parameter of parameters) {
        if (updates.has(updateKey(parameter))) continue;
        const graph = exportOnnx(updateGraph(parameter, options));
        updates.set(updateKey(parameter), await Session.load(graph, sessionOptions));
      }
      const values = parameters.map(({ value }) => value);
      const gradient = await StagedGradient.load(objective, values, stageBytes, sessionOptions);
      return new StagedStep(gradient, updates, parameters, store, options);
    } catch (error) {
      for (const session of updates.values()) await session.release();
      await store.close();
      throw error;
    }
  }

  get runMs(): number {
    return [...this.updates.values()].reduce((sum, { stats }) => sum + stats.totalRunMs, this.gradient.runMs);
  }

  async run(batches: readonly Tensors[], numbers: UpdateNumbers): Promise<StepResult> {
    const results: Pick<StepResult, "loss" | "metrics">[] = [];
    const begun = new Set<string>();
    for (const batch of batches) {
      const { loss = Number.NaN, ...metrics } = await this.gradient.run(batch, {
        read: (path) => this.readTensor(path),
        addGradient: (path, { data }) => this.addGradient(path, data, begun),
      });
      results.push({ loss, metrics });
      if (!Number.isFinite(loss)) break;
    }
    const gradientNorm = (await this.gradientLength()) / this.options.accumulate;
    const { loss, metrics } = averageResults(results);
    // As in the sessions, a number is finite if it is as float32.
    const finite = Number.isFinite(loss) && Number.isFinite(Math.fround(gradientNorm));
    if (finite) await this.update(gradientNorm, numbers);
    return { loss, metrics, gradientNorm, isFinite: finite };
  }

  async reader(): Promise<(name: string) => Promise<Tensor<"f32">>> {
    return (name) => this.readTensor(name);
  }

  async release(): Promise<void> {
    await this.gradient.release();
    for (const session of this.updates.values()) await session.release();
    await this.store.close();
  }

  private async readTensor(name: string): Promise<Tensor<"f32">> {
    const entry = this.entries.find((entry) => entry.name === name);
    if (!entry) throw new InputError(`The training state holds no "${name}".`);
    return tensor("f32", entry.shape, await this.store.read(name, 0, elementCount(entry.shape)));
  }

  /** @param begun parameters that had a gradient in this update */
  private async addGradient(path: string, gradient: Float32Array, begun: Set<string>): Promise<void> {
    const name = slotName.gradient(path);
    if (begun.has(path)) {
      const known = await this.store.read(name, 0, gradient.length);
      for (const [i, value] of known.entries()) gradient[i] = (gradient[i] as number) + value;
    }
    begun.add(path);
    await this.store.write(name, 0, gradient);
  }

  /** Length of all gradients as one vector. */
  private async gradientLength(): Promise<number> {
    let squares = 0;
    for (const [parameter, start, count] of this.chunks()) {
      const gradient = await this.store.read(slotName.gradient(pathOf(parameter)), start, count);
      for (let i = 0; i < count; i++) squares += (gradient[i] as number) ** 2;
    }
    return Math.sqrt(squares);
  }

  private async update(gradientNorm: number, { update, learningRate, emaDecay }: UpdateNumbers): Promise<void> {
    const { optimizer, ema } = this.options;
    const scalars = {
      ...adamWFeeds(optimizer, learningRate, update),
      [gradientNormInput]: gradientNorm,
      ...(ema && { [emaRateInput]: 1 - emaDecay }),
    };
    const slots = slotsOf(anyPath, ema);
    for (const [parameter, start, count] of this.chunks()) {
      const path = pathOf(parameter);
      const names = slotsOf(path, ema);
      const feeds: Tensors = {};
      for (const [name, value] of Object.entries(scalars)) feeds[name] = f32([], [value]);
      const read = async (slot: string, name: string) => {
        feeds[slot] = f32([count], await this.store.read(name, start, count));
      };
      await Promise.all(slots.map((slot, i) => read(slot, names[i] as string)));
      await read(slotName.gradient(anyPath), slotName.gradient(path));
      const session = this.updates.get(updateKey(parameter)) as Session;
      const results = await session.run(feeds, { give: true });
      const next = (slot: string) => results[updatedAs(slot)]?.data as Float32Array;
      await Promise.all(slots.map((slot, i) => this.store.write(names[i] as string, start, next(slot))));
    }
  }

  /** All elements of all parameters, in pieces. */
  private *chunks(): Generator<[parameter: Parameter, start: number, count: number]> {
    for (const parameter of this.parameters) {
      const length = lengthOf(parameter);
      for (let start = 0; start < length; start += chunkLength) {
        yield [parameter, start, Math.min(chunkLength, length - start)];
      }
    }
  }
}

/** Names of a parameter's state. */
function slotsOf(path: string, ema: boolean): string[] {
  return [path, slotName.moment1(path), slotName.moment2(path), ...(ema ? [slotName.ema(path)] : [])];
}

function entriesOf(parameter: Parameter, ema: boolean): (StateEntry & { readonly copyOf?: string })[] {
  const path = pathOf(parameter);
  const shape = parameter.value.shape as Shape;
  return slotsOf(path, ema).map((name) => ({ name, shape, ...(name === slotName.ema(path) && { copyOf: path }) }));
}

function vectorLengths(parameters: readonly Parameter[], ema: boolean): VectorLengths {
  return new Map(
    parameters.flatMap((parameter) =>
      [...slotsOf(pathOf(parameter), ema), slotName.gradient(pathOf(parameter))].map(
        (name) => [name, lengthOf(parameter)] as const,
      ),
    ),
  );
}
