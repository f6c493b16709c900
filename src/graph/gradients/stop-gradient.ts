import { topologicalOrder } from "../traverse.js";
import { apply1, type Node, type Operator, type Value } from "../value.js";

/** An operator of its own, so that a cut stays one when a graph is built anew; ONNX Runtime removes identities. */
const cut: Operator = { type: "Identity", infer: (inputs) => [inputs[0] as Value] };

/** The same value, as a constant to `gradients`: nothing flows back through it. */
export const stopGradient = (x: Value): Value => apply1(cut, [x]);

/** The nodes from which a gradient of the loss can come, each after the nodes it reads: none lies behind a cut only. */
export function differentiableOrder(loss: Value): Node[] {
  const cuts = topologicalOrder([loss]).filter(({ operator }) => operator === cut);
  return topologicalOrder([loss], new Set(cuts.flatMap(({ outputs }) => outputs)));
}
