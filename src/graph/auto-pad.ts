import { CheckpointError } from "../errors.js";
import type { OnnxNode } from "./modernize.js";
import { intsAttribute } from "./operators/inference.js";
import { type Attributes, size } from "./value.js";

/**
 * Writes the padding of a convolution or pooling window as numbers where its file names a rule (`auto_pad`), as
 * converters from TensorFlow do, so that shape inference and gradients need to know of one form only.
 * Source: ONNX operators Conv, MaxPool and AveragePool, attribute `auto_pad`.
 * @throws CheckpointError if the rule is not known, or asks for a transposed convolution's sizes
 */
export function explicitPads(node: OnnxNode): OnnxNode {
  const { auto_pad: rule, ...attributes } = node.attributes;
  if (rule === undefined || rule === "NOTSET") return { ...node, attributes };
  const [x, weight] = node.operands;
  const kernel = intsAttribute(attributes, "kernel_shape") ?? weight?.shape.slice(2).map((_, i) => size(weight, i + 2));
  const isKnown = rule === "VALID" || rule === "SAME_UPPER" || rule === "SAME_LOWER";
  if (!x || !kernel || !isKnown || node.type === "ConvTranspose") {
    throw new CheckpointError(`ONNX model: auto_pad "${rule}" of ${node.type} is not supported`);
  }
  const totals = kernel.map((width, i) => (rule === "VALID" ? 0 : samePadding(size(x, i + 2), width, i, attributes)));
  const smaller = totals.map((total) => Math.floor(total / 2));
  const larger = totals.map((total) => Math.ceil(total / 2));
  const pads = rule === "SAME_LOWER" ? [...larger, ...smaller] : [...smaller, ...larger];
  return { ...node, attributes: { ...attributes, pads } };
}

/** How much padding one spatial axis needs to give `ceil(length / stride)` windows. */
function samePadding(length: number, width: number, axis: number, attributes: Attributes): number {
  const stride = intsAttribute(attributes, "strides")?.[axis] ?? 1;
  const dilation = intsAttribute(attributes, "dilations")?.[axis] ?? 1;
  const windows = Math.ceil(length / stride);
  return Math.max(0, (windows - 1) * stride + dilation * (width - 1) + 1 - length);
}
