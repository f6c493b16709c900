import type { GraphInterface } from "../graph/export.js";
import { input } from "../graph/value.js";
import { adamW, adamWInputs, emaUpdate, gradientScale, type Parameter, slotName, type Update } from "./optimizer.js";
import { emaRateInput, type StepGraphOptions } from "./step-graph.js";

/** Stands for the path of whatever parameter is updated. */
export const anyPath = "parameter";
/** Input, float32 []: length of the mean of the gradients. */
export const gradientNormInput = "gradientNorm";

/** Output that holds the next value of a part of the state. */
export const updatedAs = (slot: string): string => `next/${slot}`;

/**
 * The update of some elements of a parameter, as vectors of any length: the state under the names that it has for
 * {@link anyPath}, outputs {@link updatedAs}.
 */
export function updateGraph(
  { rateScale, weightDecay }: Pick<Parameter, "rateScale" | "weightDecay">,
  { optimizer, ema, accumulate }: StepGraphOptions,
): GraphInterface {
  const vector = (name: string) => input(name, "f32", ["length"]);
  const [value, gradient] = [vector(anyPath), vector(slotName.gradient(anyPath))];
  const norm = input(gradientNormInput, "f32", []);
  const emaRate = input(emaRateInput, "f32", []);
  const scalars = adamWInputs();
  const scale = gradientScale(norm, optimizer, accumulate);
  const changed = adamW({ value, rateScale, weightDecay }, gradient, scale, scalars, optimizer);
  const updates = ema ? [...changed, emaUpdate(anyPath, (changed[0] as Update).next, emaRate)] : changed;
  return {
    inputs: [...updates.map(({ slot }) => slot), gradient, norm, ...Object.values(scalars), ...(ema ? [emaRate] : [])],
    outputs: Object.fromEntries(updates.map(({ slot, next }) => [updatedAs(slot.name as string), next])),
  };
}
