import type { GraphInterface } from "../graph/export.js";
import { differentiableOrder, gradients } from "../graph/gradients/index.js";
import { add, mul, reduceSum } from "../graph/operators/index.js";
import { substitute } from "../graph/substitute.js";
import { dependents, topologicalOrder } from "../graph/traverse.js";
import { input, type Node, type Value } from "../graph/value.js";
import { bytesPerElement } from "../tensor/dtype.js";
import { elementCount, type Shape } from "../tensor/tensor.js";
import { slotName } from "./optimizer.js";
import type { Objective } from "./step-graph.js";

/**
 * A part of a network that goes forward and back at one time. Each of its graphs takes some of the batch, of the
 * parameters (by path) and of the values that earlier stages computed; so only these values, the parameters and the
 * gradients of one stage need to be in memory.
 */
export interface Stage {
  /** Gives the values that later stages read, and what is reported. Absent in the last stage, where `backward` does. */
  readonly forward?: GraphInterface;
  /**
   * Computes the stage again; from the gradients of its values it gives those of its parameters and of the values it
   * reads, under {@link slotName.gradient}. Absent where nothing is trained, from the first stage up to this one.
   */
  readonly backward?: GraphInterface;
}

/**
 * Cuts the computation of an objective into stages, for networks whose gradients do not fit in memory together.
 * Source: Chen 2016, with the segments as graphs of their own.
 * @param parameters what gradients are taken of
 * @param stageBytes about how much a stage may hold: its results, its parameters and their gradients
 */
export function stageGraphs(
  { inputs, loss, metrics }: Objective,
  parameters: readonly Value[],
  stageBytes: number,
): Stage[] {
  const reported = new Map(Object.entries({ ...metrics, loss }));
  const order = topologicalOrder(reported.values());
  const trained = new Set(parameters);
  const depending = dependents(trained, differentiableOrder(loss));
  const parts = cut(order, trained, stageBytes);
  const stageOf = new Map<Value, number>();
  for (const [i, nodes] of parts.entries()) for (const { outputs } of nodes) for (const y of outputs) stageOf.set(y, i);
  const read = parts.map((nodes) => new Set(nodes.flatMap(operands)));
  const crossing = order.flatMap(({ outputs }) =>
    outputs.filter((value) => read.some((values, i) => i > (stageOf.get(value) as number) && values.has(value))),
  );
  const name = new Map(crossing.map((value, i) => [value, `value/${i}`]));
  const placeholder = new Map(crossing.map((value) => [value, named(name.get(value) as string, value)]));
  const nameOf = (value: Value) => name.get(value) as string;
  const needsGradient = (value: Value) => value.dtype === "f32" && depending.has(value);

  return parts.map((_, i): Stage => {
    const isLast = i === parts.length - 1;
    const taken = crossing.filter((value) => (stageOf.get(value) as number) < i && read[i]?.has(value));
    const given = crossing.filter((value) => stageOf.get(value) === i);
    const answered = [...reported].filter(([, value]) => (stageOf.get(value) ?? parts.length - 1) === i);
    const results = [...given, ...answered.map(([, value]) => value)];
    const rebuilt = substitute(results, new Map(taken.map((value) => [value, placeholder.get(value) as Value])));
    const outputs = Object.fromEntries(
      [...given.map(nameOf), ...answered.map(([key]) => key)].map((key, k) => [key, rebuilt[k] as Value]),
    );
    const operandsOf = (values: readonly Value[]) => inputs.concat(values).filter((value) => read[i]?.has(value));
    const own = parameters.filter((value) => read[i]?.has(value));
    const sources = [...operandsOf([]), ...own, ...taken.map((value) => placeholder.get(value) as Value)];

    const wrt = [...own, ...taken.filter(needsGradient).map((value) => placeholder.get(value) as Value)];
    const cotangents = given
      .filter(needsGradient)
      .map((value) => ({ y: outputs[nameOf(value)] as Value, dy: named(slotName.gradient(nameOf(value)), value) }));
    // A sum whose gradient by each y is its dy.
    const terms = cotangents.map(({ y, dy }) => reduceSum(mul(y, dy)));
    const total = [...terms, ...(outputs.loss ? [outputs.loss] : [])].reduce<Value | undefined>(
      (sum, term) => (sum ? add(sum, term) : term),
      undefined,
    );
    const grads = total && wrt.length > 0 ? gradients(total, wrt, { recompute: false }) : [];
    const backward = {
      inputs: [...sources, ...cotangents.map(({ dy }) => dy)],
      outputs: {
        ...Object.fromEntries(grads.map((grad, k) => [slotName.gradient(wrt[k]?.name as string), grad])),
        ...(isLast && outputs),
      },
    };
    return {
      ...(!isLast && { forward: { inputs: sources, outputs } }),
      ...((isLast || grads.length > 0) && { backward }),
    };
  });
}

const named = (name: string, { dtype, shape }: Value): Value => input(name, dtype, shape);
const operands = ({ inputs }: Node): Value[] => inputs.filter((value) => value !== undefined);
const bytesOf = ({ dtype, shape }: Value): number => elementCount(shape as Shape) * bytesPerElement(dtype);

/** Cuts where little is carried over, once a part has reached half of what it may hold. */
function cut(order: readonly Node[], parameters: ReadonlySet<Value>, partBytes: number): Node[][] {
  const carried = carriedBytes(order);
  const parts: Node[][] = [];
  let start = 0;
  while (start < order.length) {
    let best: number | undefined;
    let fits = true;
    let held = 0;
    const seen = new Set<Value>();
    for (let end = start + 1; end <= order.length && fits; end++) {
      const { inputs, outputs } = order[end - 1] as Node;
      for (const value of inputs) {
        if (!value || !parameters.has(value) || seen.has(value)) continue;
        seen.add(value);
        // The parameter, its gradient, and the copy of it that is handed over.
        held += 3 * bytesOf(value);
      }
      for (const value of outputs) held += bytesOf(value);
      fits = held <= partBytes;
      const isBetter = best === undefined || (fits && (carried[end - 1] as number) <= (carried[best - 1] as number));
      if (held >= partBytes / 2 && isBetter) best = end;
    }
    const end = fits ? order.length : (best as number);
    parts.push(order.slice(start, end));
    start = end;
  }
  return parts;
}

/** Bytes of computed values that are there after each node, and read later. */
function carriedBytes(order: readonly Node[]): number[] {
  const lastRead = new Map<Value, number>();
  for (const [i, node] of order.entries()) for (const value of operands(node)) lastRead.set(value, i);
  const ending = new Map<number, number>();
  let bytes = 0;
  return order.map(({ outputs }, i) => {
    for (const value of outputs) {
      const end = lastRead.get(value);
      if (end === undefined) continue;
      bytes += bytesOf(value);
      ending.set(end, (ending.get(end) ?? 0) + bytesOf(value));
    }
    bytes -= ending.get(i) ?? 0;
    return bytes;
  });
}
