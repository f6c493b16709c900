import { concat, reshape, split } from "../graph/operators/index.js";
import { input, type Value } from "../graph/value.js";
import { elementCount, type Shape } from "../tensor/tensor.js";
import type { Parameter } from "./optimizer.js";

/**
 * Parameters with fewer elements than this are updated together, as one vector: networks have hundreds of biases and
 * norms, and for each the optimizer would be 16 operators. Larger ones stay alone, so that they need not be copied.
 */
const packedBelow = 2 ** 14;

/** A parameter of the optimizer: one of the network's, or several small ones end to end as a vector. */
export interface Slot extends Parameter {
  readonly members: readonly Parameter[];
}

/** Groups parameters into slots; those in one slot have the same rate and decay. */
export function packParameters(parameters: readonly Parameter[]): Slot[] {
  const alone: Slot[] = [];
  const together = new Map<string, Parameter[]>();
  for (const parameter of parameters) {
    if (lengthOf(parameter) >= packedBelow) {
      alone.push({ ...parameter, value: withoutSinglePlaces(parameter), members: [parameter] });
      continue;
    }
    const key = JSON.stringify([parameter.rateScale, parameter.weightDecay]);
    together.set(key, [...(together.get(key) ?? []), parameter]);
  }
  const packed = [...together.values()].map((members, i): Slot => {
    const value = input(`packed/${i}`, "f32", [members.reduce((sum, member) => sum + lengthOf(member), 0)]);
    return { ...(members[0] as Parameter), value, members };
  });
  return [...packed, ...alone];
}

/**
 * The weight of a 1x1 convolution as a vector: by a scalar, ONNX Runtime multiplies [O, C, 1, 1] one element at a time,
 * in thirty times the time.
 */
function withoutSinglePlaces({ value }: Parameter): Value {
  return value.shape.at(-1) === 1
    ? input(value.name as string, value.dtype, [elementCount(value.shape as Shape)])
    : value;
}

/** Whether the slot's value is a vector of several parameters, or one that was flattened. */
const isPacked = ({ value, members }: Slot): boolean => value !== members[0]?.value;

/** The gradient of a slot's value, from those of its members' values. */
export function packGradients(slot: Slot, gradients: ReadonlyMap<Value, Value>): Value {
  const parts = slot.members.map((member) => ({ member, gradient: gradients.get(member.value) as Value }));
  if (!isPacked(slot)) return (parts[0] as (typeof parts)[number]).gradient;
  const vectors = parts.map(({ member, gradient }) => reshape(gradient, [lengthOf(member)]));
  return vectors.length === 1 ? (vectors[0] as Value) : concat(vectors, 0);
}

/** What the network reads in the place of each packed parameter: its part of the vector. */
export function unpackParameters(slots: readonly Slot[]): Map<Value, Value> {
  const parts = new Map<Value, Value>();
  for (const slot of slots.filter(isPacked)) {
    const lengths = slot.members.map(lengthOf);
    const vectors = lengths.length === 1 ? [slot.value] : split(slot.value, lengths, 0);
    for (const [i, { value }] of slot.members.entries()) parts.set(value, reshape(vectors[i] as Value, value.shape));
  }
  return parts;
}

const lengthOf = ({ value }: Parameter): number => elementCount(value.shape as Shape);
