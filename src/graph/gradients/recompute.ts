import { add, elements, sub } from "../operators/index.js";
import { topologicalOrder } from "../traverse.js";
import { apply, apply1, constant, ints, type Node, type Operator, type Value } from "../value.js";
import { count, sizes } from "./rule.js";

/** A part of a graph: what is computed from `inputs` on the way to `outputs`. */
interface Segment {
  readonly inputs: ReadonlySet<Value>;
  readonly outputs: ReadonlySet<Value>;
}

/** Marks are no part of a graph: they change what `gradients` builds, and nothing else. */
const segments = new WeakMap<Node, Segment>();

/**
 * Marks a part of a network that the backward pass computes again from its inputs, so that only inputs and outputs stay
 * in memory until then. Of nested parts the outer one counts.
 * Source: Chen 2016.
 * @param f builds the part. Values that it uses without taking them as arguments are kept, not computed again, unless
 *   they were computed from its arguments.
 */
export function recompute<A extends readonly Value[], R extends Value | readonly Value[]>(f: (...inputs: A) => R) {
  return (...inputs: A): R => {
    const result = f(...inputs);
    const outputs = Array.isArray(result) ? (result as readonly Value[]) : [result as Value];
    const segment = { inputs: new Set<Value>(inputs), outputs: new Set(outputs) };
    const inside = new Set<Value | undefined>(inputs);
    for (const node of topologicalOrder(outputs, segment.inputs)) {
      if (!node.inputs.some((value) => inside.has(value))) continue;
      segments.set(node, segment);
      for (const output of node.outputs) inside.add(output);
    }
    return result;
  };
}

/** The second copies of marked segments, made as far as the backward pass asks for them. */
export class Recomputation {
  private readonly copies = new Map<Segment, Copy>();

  constructor(private readonly enabled: boolean) {}

  /**
   * A node's operands and results as its rule should see them: of a marked node, those of its copy.
   * @param before values that the copy of the node's segment has to wait for, if this is the first that is seen of it
   */
  rebuild(node: Node, before: () => readonly Value[]): Pick<Node, "inputs" | "outputs"> {
    const segment = this.enabled ? segments.get(node) : undefined;
    if (!segment) return node;
    const copy = this.copies.get(segment) ?? new Copy(segment, before());
    this.copies.set(segment, copy);
    return {
      inputs: node.inputs.map((value) => value && copy.of(value)),
      // A segment's own result is there anyway: the next segment begins with it.
      outputs: node.outputs.map((value) => (segment.outputs.has(value) ? value : copy.of(value))),
    };
  }

  /** Whether the gradient that a marked node gives to an operand goes out of the segment. */
  leaves({ origin }: Value, node: Node): boolean {
    const segment = this.enabled ? segments.get(node) : undefined;
    return segment !== undefined && (origin.kind !== "node" || segments.get(origin.node) !== segment);
  }
}

class Copy {
  private readonly values = new Map<Value, Value>();
  /** i64 [], always 0, and known only when the values are that the copy waits for. */
  private readonly delay: Value;

  constructor(
    private readonly segment: Segment,
    before: readonly Value[],
  ) {
    const expected = before.reduce((sum, value) => sum + count(sizes(value)), 0);
    this.delay = sub(
      before.map(elements).reduce((a, b) => add(a, b)),
      integer(expected),
    );
  }

  of(value: Value): Value {
    const known = this.values.get(value);
    if (known) return known;
    const { origin } = value;
    if (this.segment.inputs.has(value)) {
      // ONNX Runtime merges equal nodes, and runs a node as soon as it may: without this the copy would be the original,
      // or be made on the way forward.
      this.values.set(value, apply1(later, [value, add(ints(sizes(value)), this.delay)]));
    } else if (origin.kind === "node" && segments.get(origin.node) === this.segment) {
      const { operator, inputs, attributes, outputs } = origin.node;
      const again = apply(
        operator,
        inputs.map((operand) => operand && this.of(operand)),
        attributes,
        outputs.length,
      );
      for (const [i, output] of outputs.entries()) this.values.set(output, again[i] as Value);
    } else {
      return value;
    }
    return this.values.get(value) as Value;
  }
}

/**
 * A copy whose shape is computed when the graph runs, to the one that the value has. A reshape would move no data, but
 * ONNX Runtime merges it with a reshape that follows.
 */
const later: Operator = { type: "Expand", infer: (inputs) => [inputs[0] as Value] };

const integer = (value: number): Value => constant({ dtype: "i64", shape: [], data: BigInt64Array.of(BigInt(value)) });
