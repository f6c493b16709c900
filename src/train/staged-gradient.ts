import { exportOnnx, type GraphInterface } from "../graph/export.js";
import type { Value } from "../graph/value.js";
import { Session, type SessionOptions } from "../runtime/session.js";
import type { Tensor } from "../tensor/tensor.js";
import { slotName } from "./optimizer.js";
import { stageGraphs } from "./stages.js";
import type { Objective } from "./step-graph.js";

type Tensors = Record<string, Tensor>;

interface LoadedStage {
  readonly forward: Session | undefined;
  readonly backward: Session | undefined;
}

/** Where parameters come from and gradients go, by path. What is read is given away. */
export interface ParameterAccess {
  read(path: string): Promise<Tensor>;
  addGradient(path: string, gradient: Tensor<"f32">): Promise<void>;
}

/** The gradient of an objective, computed stage by stage, so that it needs the memory of one stage. */
export class StagedGradient {
  private constructor(
    private readonly stages: readonly LoadedStage[],
    private readonly paths: ReadonlySet<string>,
    private readonly reported: readonly string[],
  ) {}

  /** @param stageBytes see {@link stageGraphs} */
  static async load(
    objective: Objective,
    parameters: readonly Value[],
    stageBytes: number,
    options: SessionOptions,
  ): Promise<StagedGradient> {
    const stages: LoadedStage[] = [];
    let beside: Session | undefined;
    const load = async (graph: GraphInterface | undefined) => {
      if (graph) beside = await Session.load(exportOnnx(graph), { ...options, keepMemory: false, beside });
      return graph && beside;
    };
    const paths = new Set(parameters.map(({ name }) => name as string));
    const gradient = new StagedGradient(stages, paths, ["loss", ...Object.keys(objective.metrics)]);
    try {
      for (const { forward, backward } of stageGraphs(objective, parameters, stageBytes)) {
        stages.push({ forward: await load(forward), backward: await load(backward) });
      }
      return gradient;
    } catch (error) {
      await gradient.release();
      throw error;
    }
  }

  /** Time so far that was spent inside ONNX Runtime, in milliseconds. */
  get runMs(): number {
    return this.sessions.reduce((sum, { stats }) => sum + stats.totalRunMs, 0);
  }

  /**
   * Forward and back for one batch.
   * @returns the loss and the metrics
   */
  async run(batch: Tensors, access: ParameterAccess): Promise<Record<string, number>> {
    /** The batch, what stages computed for each other, the gradients of that, and what is reported. */
    const held: Tensors = { ...batch };
    for (const { forward } of this.stages) if (forward) Object.assign(held, await this.runStage(forward, held, access));
    for (const { backward } of this.stages.toReversed()) {
      if (!backward) continue;
      for (const [name, result] of Object.entries(await this.runStage(backward, held, access))) {
        const path = name.slice(slotName.gradient("").length);
        if (this.paths.has(path)) await access.addGradient(path, result as Tensor<"f32">);
        else held[name] = sum(held[name], result);
      }
      // The stages before this one read none of the gradients that this one did.
      for (const { name } of backward.inputs) if (name.startsWith(slotName.gradient(""))) delete held[name];
    }
    return Object.fromEntries(this.reported.map((name) => [name, Number(held[name]?.data[0])]));
  }

  async release(): Promise<void> {
    for (const session of this.sessions) await session.release();
  }

  private get sessions(): Session[] {
    return this.stages
      .flatMap(({ forward, backward }) => [forward, backward])
      .filter((session) => session !== undefined);
  }

  private async runStage(session: Session, held: Readonly<Tensors>, access: ParameterAccess): Promise<Tensors> {
    const feeds: Tensors = {};
    for (const { name } of session.inputs) {
      const known = held[name];
      feeds[name] = known ? ({ ...known, data: known.data.slice() } as Tensor) : await access.read(name);
    }
    return session.run(feeds, { give: true });
  }
}

/** The sum of gradients that reach a value from several stages. */
function sum(known: Tensor | undefined, more: Tensor): Tensor {
  if (!known) return more;
  const [data, added] = [known.data as Float32Array, more.data as Float32Array];
  return { ...more, data: data.map((x, i) => x + (added[i] as number)) } as Tensor;
}
