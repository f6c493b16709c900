import { CheckpointError } from "../errors.js";
import { explicitPads } from "./auto-pad.js";
import { type Attribute, type Attributes, constant, Float, floats, ints, type Value } from "./value.js";

/** A node as it stands in a file, with its operands resolved. */
export interface OnnxNode {
  readonly type: string;
  readonly operands: readonly (Value | undefined)[];
  readonly attributes: Attributes;
}

/**
 * Rewrites a node of an older opset as opset 21 writes it: most changes of ONNX moved attributes into operands.
 * Returns a value instead where the node does nothing (Identity, Dropout at inference) or is a constant.
 */
export function modernize(node: OnnxNode, opset: number): OnnxNode | { value: Value } {
  const { type, operands, attributes } = node;
  const x = operands[0];
  switch (type) {
    case "Constant":
      return { value: constantValue(attributes) };
    case "Identity":
    case "Dropout":
      if (!x) throw new CheckpointError(`ONNX model: ${type} has no operand`);
      return { value: x };
    case "Unsqueeze":
    case "Squeeze":
    case "ReduceSum":
    case "ReduceMean":
    case "ReduceMax":
    case "ReduceL2":
      return attributeToOperand(node, "axes", 1);
    case "Split":
      return attributeToOperand(node, "split", 1);
    case "Slice":
      return ["starts", "ends", "axes"].reduce((n, name, i) => attributeToOperand(n, name, i + 1), node);
    case "Pad":
      return attributeToOperand(attributeToOperand(node, "pads", 1), "value", 2);
    case "Clip":
      return attributeToOperand(attributeToOperand(node, "min", 1), "max", 2);
    case "Conv":
    case "ConvTranspose":
    case "MaxPool":
    case "AveragePool":
      return explicitPads(node);
    case "Upsample":
      return upsampleToResize(node);
    case "Resize":
      if (attributes.axes !== undefined) throw new CheckpointError("ONNX model: axes of Resize are not supported");
      return opset < 11 ? upsampleToResize(node) : node;
    case "Softmax":
      return opset < 13 ? softmaxOverTail(node) : node;
    default:
      return node;
  }
}

function constantValue(attributes: OnnxNode["attributes"]): Value {
  const { value, value_float, value_int, value_ints, value_floats } = attributes;
  if (isTensor(value)) return constant(value);
  if (isTensor(value_floats)) return constant(value_floats);
  if (value_float instanceof Float) return floats(value_float.value);
  if (Array.isArray(value_ints)) return ints(value_ints as readonly number[]);
  if (typeof value_int === "number") {
    return constant({ dtype: "i64", shape: [], data: BigInt64Array.of(BigInt(value_int)) });
  }
  throw new CheckpointError("ONNX model: Constant without a numeric value");
}

const isTensor = (value: unknown): value is Exclude<Attribute, number | string | readonly unknown[]> =>
  typeof value === "object" && value !== null && "dtype" in value;

function attributeToOperand(node: OnnxNode, name: string, position: number): OnnxNode {
  const { [name]: value, ...attributes } = node.attributes;
  if (value === undefined) return node;
  const operands = [...node.operands];
  if (value instanceof Float) operands[position] = floats(value.value);
  else if (Array.isArray(value)) operands[position] = ints(value as readonly number[]);
  else throw new CheckpointError(`ONNX model: attribute "${name}" of ${node.type} has an unexpected type`);
  return { ...node, operands: Array.from(operands), attributes };
}

/** Upsample (opsets 7 to 9) and Resize of opset 10 are Resize with asymmetric coordinates. */
function upsampleToResize({ operands, attributes }: OnnxNode): OnnxNode {
  const { scales: given, ...rest } = attributes;
  const scales = operands[1] ?? (isTensor(given) ? constant(given) : undefined);
  return {
    type: "Resize",
    operands: [operands[0], undefined, scales],
    attributes: { ...rest, coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
  };
}

/** Before opset 13 Softmax normalized over all axes from `axis` (default 1) on together. */
function softmaxOverTail(node: OnnxNode): OnnxNode | { value: Value } {
  const x = node.operands[0];
  const axis = typeof node.attributes.axis === "number" ? node.attributes.axis : 1;
  if (!x || axis === -1 || axis === x.shape.length - 1) return { ...node, attributes: { axis: -1 } };
  if (x.shape.slice(axis + 1).every((dim) => dim === 1)) return { ...node, attributes: { axis } };
  throw new CheckpointError("ONNX model: Softmax over several axes (opset below 13) is not supported");
}
