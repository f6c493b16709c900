import type { Node, Value } from "./value.js";

/**
 * The nodes that `outputs` depend on, each after the nodes it reads. Iterative: graphs are thousands of nodes deep.
 * @param given values that are taken as they are: what they depend on is left out
 */
export function topologicalOrder(outputs: Iterable<Value>, given: ReadonlySet<Value> = new Set()): Node[] {
  const order: Node[] = [];
  const state = new Map<Node, "open" | "done">();
  const stack: Node[] = [];
  const push = (value: Value | undefined) => {
    if (value?.origin.kind !== "node" || given.has(value)) return;
    if (!state.has(value.origin.node)) stack.push(value.origin.node);
  };
  for (const output of outputs) {
    push(output);
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      if (state.get(node) === undefined) {
        state.set(node, "open");
        node.inputs.toReversed().forEach(push);
      } else {
        stack.pop();
        if (state.get(node) === "open") order.push(node);
        state.set(node, "done");
      }
    }
  }
  return order;
}

/** The values themselves and everything computed from them. @param order each node after the nodes it reads */
export function dependents(values: Iterable<Value>, order: readonly Node[]): Set<Value> {
  const found = new Set(values);
  for (const { inputs, outputs } of order) {
    if (inputs.some((value) => value && found.has(value))) for (const output of outputs) found.add(output);
  }
  return found;
}
