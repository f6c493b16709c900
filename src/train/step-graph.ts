import type { GraphInterface } from "../graph/export.js";
import { gradients } from "../graph/gradients/index.js";
import { abs, add, div, mul } from "../graph/operators/index.js";
import { substitute } from "../graph/substitute.js";
import { input, type Value } from "../graph/value.js";
import {
  type AdamWOptions,
  adamW,
  adamWInputs,
  emaUpdate,
  finite,
  globalNorm,
  gradientScale,
  type Parameter,
  slotName,
  type Update,
} from "./optimizer.js";
import { packGradients, packParameters, type Slot, unpackParameters } from "./packing.js";

/** What is minimized, as a graph over one batch of a fixed size. */
export interface Objective {
  /** Everything that a batch brings. */
  readonly inputs: readonly Value[];
  /** float32 [] */
  readonly loss: Value;
  /** Further numbers to log, float32 []. */
  readonly metrics: Readonly<Record<string, Value>>;
}

export interface StepGraphOptions {
  readonly optimizer: AdamWOptions;
  /** Keep an exponential moving average of the parameters. */
  readonly ema: boolean;
  /** Batches whose gradients are averaged for one update. */
  readonly accumulate: number;
  /** Compute blocks of the network again on the way back, instead of keeping their activations. Default false. */
  readonly recompute?: boolean;
}

/** Forward, backward, clipping, AdamW and the moving average as one graph. */
export interface StepGraph {
  readonly graph: GraphInterface;
  /** The parameters as the state holds them. */
  readonly slots: readonly Slot[];
  /** Outputs that are read: the loss, the gradient norm, whether both are finite, and the objective's metrics. */
  readonly reported: readonly string[];
  /** Output -> input, for a batch that ends in an update. */
  readonly update: Readonly<Record<string, string>>;
  /** Output -> input, for a batch whose gradients are only added up. Empty unless `accumulate` is above 1. */
  readonly gather: Readonly<Record<string, string>>;
}

/** Output that says whether loss and gradients are finite numbers, bool []: nothing is updated where they are not. */
export const finiteOutput = "isFinite";
/** Input, float32 []: 0 at the first of the batches that are averaged, then 1. */
export const keepInput = "keepGradients";
/** Input, float32 []: 1 - decay of the moving average. */
export const emaRateInput = "emaRate";

/** Writes the training step for an objective. */
export function stepGraph(
  { inputs, loss, metrics }: Objective,
  parameters: readonly Parameter[],
  { optimizer, ema, accumulate, recompute = false }: StepGraphOptions,
): StepGraph {
  const slots = packParameters(parameters);
  const members = slots.flatMap((slot) => slot.members.map(({ value }) => value));
  const byMember = new Map(
    gradients(loss, members, { recompute }).map((gradient, i) => [members[i] as Value, gradient]),
  );
  const fresh = slots.map((slot) => packGradients(slot, byMember));

  const keep = input(keepInput, "f32", []);
  const sums = accumulate === 1 ? [] : fresh.map((gradient, i) => addUp((slots[i] as Slot).value, gradient, keep));
  const total = accumulate === 1 ? fresh : sums.map(({ next }) => next);
  const length = globalNorm(total);
  const norm = accumulate === 1 ? length : div(length, accumulate);
  const scale = gradientScale(norm, optimizer, accumulate);

  const scalars = adamWInputs();
  const emaRate = input(emaRateInput, "f32", []);
  const updates = slots.flatMap((slot, i): Update[] => {
    const changed = adamW(slot, total[i] as Value, scale, scalars, optimizer);
    return ema ? [...changed, emaUpdate(slot.value.name as string, (changed[0] as Update).next, emaRate)] : changed;
  });
  const all = [...updates, ...sums];
  const reported = { loss, gradientNorm: norm, [finiteOutput]: finite(add(norm, abs(loss))), ...metrics };
  const outputs = { ...reported, ...Object.fromEntries(all.map(({ slot, next }) => [outputOf(slot), next])) };
  const unpacked = substitute(Object.values(outputs), unpackParameters(slots));
  return {
    graph: {
      inputs: [
        ...inputs,
        ...Object.values(scalars),
        ...(ema ? [emaRate] : []),
        ...(accumulate === 1 ? [] : [keep]),
        ...all.map(({ slot }) => slot),
      ],
      outputs: Object.fromEntries(Object.keys(outputs).map((name, i) => [name, unpacked[i] as Value])),
    },
    slots,
    reported: Object.keys(reported),
    update: carryOf(updates),
    gather: carryOf(sums),
  };
}

function addUp(value: Value, gradient: Value, keep: Value): Update {
  const slot = input(slotName.gradient(value.name as string), "f32", value.shape);
  return { slot, next: add(mul(slot, keep), gradient) };
}

const outputOf = ({ name }: Value): string => `next/${name}`;
const carryOf = (updates: readonly Update[]) =>
  Object.fromEntries(updates.map(({ slot }) => [outputOf(slot), slot.name as string]));
