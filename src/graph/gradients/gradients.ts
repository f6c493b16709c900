import { InputError, ShapeError } from "../../errors.js";
import { add, reduceSum } from "../operators/index.js";
import { dependents } from "../traverse.js";
import { describe, floats, type Value } from "../value.js";
import { Recomputation } from "./recompute.js";
import { count, filled, type Operands, reshapeTo, sizes } from "./rule.js";
import { rules } from "./rules.js";
import { differentiableOrder } from "./stop-gradient.js";

export interface GradientOptions {
  /** Build what `recompute` marked a second time on the way back, instead of keeping it. Default true. */
  readonly recompute?: boolean;
}

/**
 * Extends a graph by the gradients of a loss (reverse-mode differentiation).
 * @param loss float32 with a single element
 * @param wrt  float32 values: parameters, inputs, or anything that the loss is computed from
 * @returns    the gradient for each of `wrt`, in its shape; zeros where the loss does not depend on it
 * @throws ShapeError if a size on the way is symbolic, or an operator has a form that no rule covers
 * @throws InputError if an operator on the way has no rule
 */
export function gradients(loss: Value, wrt: readonly Value[], options: GradientOptions = {}): Value[] {
  requireSizes(loss, "the loss");
  if (loss.dtype !== "f32" || count(sizes(loss)) !== 1) {
    throw new ShapeError(`gradients: the loss must be a single float32, not ${describe(loss)}; reduce it first`);
  }
  const order = differentiableOrder(loss);
  const depending = dependents(wrt, order);
  const forward = new Recomputation(options.recompute ?? true);
  const asked = new Set(wrt);
  const finished: Value[] = [];
  const byValue = new Map<Value, Value>([[loss, floats([1], sizes(loss))]]);

  for (const node of order.toReversed()) {
    const dys = node.outputs.map((output) => byValue.get(output));
    const known = dys.find((dy) => dy !== undefined);
    if (!node.outputs.some((output) => depending.has(output)) || known === undefined) continue;
    for (const value of [...node.inputs, ...node.outputs]) if (value) requireSizes(value, node.operator.type);
    const rule = rules.get(node.operator.type);
    if (!rule) throw new InputError(`gradients: operator ${node.operator.type} has no gradient rule`);
    // A segment is computed again when all gradients that the ones behind it give are there, so that what was computed
    // again for those is free by then, in whatever order the gradients are asked for.
    const { inputs, outputs } = forward.rebuild(node, () => [known, ...finished.splice(0)]);
    const dxs = rule({
      dy: dys[0] ?? known,
      dys,
      y: outputs[0] as Value,
      x: inputs as readonly (Value | undefined)[] as Operands,
      attributes: node.attributes,
    });
    for (const [i, operand] of node.inputs.entries()) {
      const dx = dxs[i];
      if (!operand || !dx || !depending.has(operand)) continue;
      const part = unbroadcast(dx, sizes(operand));
      if (asked.has(operand) || forward.leaves(operand, node)) finished.push(part);
      const sum = byValue.get(operand);
      byValue.set(operand, sum ? add(sum, part) : part);
    }
  }
  return wrt.map((value) => {
    requireSizes(value, "wrt");
    return byValue.get(value) ?? filled(0, sizes(value));
  });
}

/** Undoes broadcasting: what reached many places of a result has the sum of their gradients. */
function unbroadcast(dx: Value, shape: readonly number[]): Value {
  const added = dx.shape.length - shape.length;
  const leading = Array.from({ length: added }, (_, i) => i);
  const stretched = shape.flatMap((width, i) => (width === 1 && dx.shape[i + added] !== 1 ? [i + added] : []));
  if (added + stretched.length === 0) return dx;
  return reshapeTo(reduceSum(dx, { axes: [...leading, ...stretched], keepDims: stretched.length > 0 }), shape);
}

function requireSizes(value: Value, where: string): void {
  const symbol = value.shape.find((dim) => typeof dim === "string");
  if (symbol === undefined) return;
  throw new ShapeError(
    `gradients: size "${symbol}" of ${describe(value)} (${where}) must be a number; build the graph for a fixed batch`,
  );
}
