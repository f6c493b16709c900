import { topologicalOrder } from "./traverse.js";
import { apply, type Value } from "./value.js";

/**
 * The same graph with other values in the place of some, such as a computed image where an imported network has its
 * input. Shapes are inferred anew, and parts that none of the replaced values reaches are shared.
 * @param outputs      what to compute
 * @param replacements old -> new; each of the old one's dtype
 * @returns the outputs of the new graph, in order
 * @throws ShapeError if a new value's shape does not fit where it is put
 */
export function substitute(outputs: readonly Value[], replacements: ReadonlyMap<Value, Value>): readonly Value[] {
  const renewed = new Map(replacements);
  const current = (value: Value): Value => renewed.get(value) ?? value;
  for (const node of topologicalOrder(outputs, new Set(replacements.keys()))) {
    if (node.outputs.some((output) => renewed.has(output))) continue;
    const inputs = node.inputs.map((value) => value && current(value));
    if (inputs.every((value, i) => value === node.inputs[i])) continue;
    const made = apply(node.operator, inputs, node.attributes, node.outputs.length);
    node.outputs.forEach((output, i) => {
      renewed.set(output, made[i] as Value);
    });
  }
  return outputs.map(current);
}
