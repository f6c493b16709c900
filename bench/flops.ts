import { importOnnx } from "../src/graph/import.js";
import type { OnnxModel } from "../src/graph/onnx-model.js";
import { topologicalOrder } from "../src/graph/traverse.js";
import { type Dims, type Node, staticShape } from "../src/graph/value.js";

/** Floating-point operations of one run (a multiply-add counts as two) for the given input shapes. */
export function countFlops(model: OnnxModel, inputShapes: Record<string, Dims>): number {
  const { outputs } = importOnnx(model.bytes, { folder: "/", inputShapes });
  return topologicalOrder(Object.values(outputs)).reduce((sum, node) => sum + flopsOf(node), 0);
}

function flopsOf(node: Node): number {
  const shapes = node.inputs.map((value) => (value ? staticShape(value) : []));
  const [first = [], second = []] = shapes;
  const out = node.outputs[0] ? product(staticShape(node.outputs[0])) : 0;
  switch (node.operator.type) {
    case "Conv":
      return 2 * out * product(second.slice(1));
    case "MatMul":
      return 2 * out * (first.at(-1) ?? 0);
    case "MultiHeadAttention":
      return 4 * product(first) * (second[1] ?? 0);
    default:
      return 0;
  }
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
