import { basename } from "node:path";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation as DataLocation,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from "onnx-buf";
import { InputError } from "../errors.js";
import type { Tensor } from "../tensor/tensor.js";
import type { OnnxModel } from "./onnx-model.js";
import { toOnnxType } from "./onnx-types.js";
import { topologicalOrder } from "./traverse.js";
import { type Attribute, describe, Float, type Node, type TensorType, type Value } from "./value.js";

type Init<S extends Parameters<typeof create>[0]> = MessageInitShape<S>;

/** ONNX opset of everything that is exported. */
export const opset = 21;

export interface GraphInterface {
  /** In the order in which the model declares them. Inputs that no output depends on are declared all the same. */
  readonly inputs: readonly Value[];
  /** Name -> value. */
  readonly outputs: Readonly<Record<string, Value>>;
}

/**
 * Writes the graph behind `outputs` as an ONNX model. Weights in files stay there: the model refers to them by offset.
 * Names depend only on the graph, so the same graph gives the same bytes.
 * @throws InputError if the graph reads an input that is not listed
 */
export function exportOnnx({ inputs, outputs }: GraphInterface): OnnxModel {
  const names = new Names(inputs);
  const initializers: Init<typeof TensorProtoSchema>[] = [];
  const externalFiles = new Map<string, string>();
  const locations = new Map<string, string>();

  const locate = (path: string): string => {
    const known = locations.get(path);
    if (known) return known;
    const location = `weights/${locations.size}-${basename(path)}`;
    locations.set(path, location);
    externalFiles.set(location, path);
    return location;
  };

  /** The ONNX name of an operand; constants and file slices become initializers when they are first read. */
  const operand = (value: Value | undefined): string => {
    if (value === undefined) return "";
    const known = names.find(value);
    if (known !== undefined) return known;
    const { origin } = value;
    if (origin.kind === "input") {
      throw new InputError(`exportOnnx: the graph reads input ${describe(value)}, which is not among its inputs`);
    }
    const name = names.assign(value, value.name ?? "constant");
    if (origin.kind === "constant") initializers.push(tensorProto(origin.tensor, name));
    if (origin.kind === "file") {
      const { path, offset, byteLength } = origin.slice;
      const entries = { location: locate(path), offset: String(offset), length: String(byteLength) };
      initializers.push({
        name,
        dataType: toOnnxType(value.dtype),
        dims: value.shape.map(BigInt),
        dataLocation: DataLocation.EXTERNAL,
        externalData: Object.entries(entries).map(([key, text]) => ({ key, value: text })),
      });
    }
    return name;
  };

  const order = topologicalOrder(Object.values(outputs));
  // Outputs get the names the caller chose, whatever computes them (and one value may have two names): by an Identity,
  // which ONNX Runtime takes out again, except where the value is read by other nodes too. There it would copy.
  const read = new Set(order.flatMap(({ inputs: operands }) => operands));
  for (const [name, value] of Object.entries(outputs)) {
    if (value.origin.kind === "node" && read.has(value) && names.find(value) === undefined && !names.has(name)) {
      names.assign(value, name);
    }
  }

  const nodes = order.map((node): Init<typeof NodeProtoSchema> => {
    const label = nodeLabel(node);
    const isNamed = node.outputs.some((value) => names.find(value) !== undefined);
    const input = node.inputs.map(operand);
    const output = node.outputs.map((value) => names.find(value) ?? names.assign(value, label));
    return {
      opType: node.operator.type,
      domain: node.operator.domain ?? "",
      input,
      output,
      // An output's name is unique, so it serves as the node's name in profiles and error messages too.
      name: isNamed ? names.reserve(label) : (output[0] ?? label),
      attribute: Object.entries(node.attributes).flatMap(([key, value]) =>
        value === undefined ? [] : [attributeProto(key, value)],
      ),
    };
  });
  for (const [name, value] of Object.entries(outputs)) {
    if (names.find(value) === name && value.origin.kind === "node") continue;
    nodes.push({ opType: "Identity", input: [operand(value)], output: [name], name: `output:${name}` });
  }

  const model = create(ModelProtoSchema, {
    irVersion: 10n,
    producerName: "arc2face",
    opsetImport: [
      { domain: "", version: BigInt(opset) },
      { domain: "com.microsoft", version: 1n },
    ],
    graph: {
      name: "graph",
      node: nodes,
      initializer: initializers,
      input: inputs.map((value) => valueInfo(value.name ?? "", value)),
      output: Object.entries(outputs).map(([name, value]) => valueInfo(name, value)),
    },
  });
  return { bytes: toBinary(ModelProtoSchema, model), externalFiles };
}

/** Unique ONNX names for values. */
class Names {
  private readonly byValue = new Map<Value, string>();
  private readonly taken = new Map<string, number>();

  constructor(inputs: readonly Value[]) {
    for (const value of inputs) {
      if (!value.name || this.taken.has(value.name))
        throw new InputError(`exportOnnx: input "${value.name}" has no unique name`);
      this.taken.set(value.name, 1);
      this.byValue.set(value, value.name);
    }
  }

  find(value: Value): string | undefined {
    return this.byValue.get(value);
  }

  has(name: string): boolean {
    return this.taken.has(name);
  }

  assign(value: Value, base: string): string {
    const name = this.reserve(base);
    this.byValue.set(value, name);
    return name;
  }

  /** A name that nothing has yet. */
  reserve(base: string): string {
    let name = base;
    for (let count = this.taken.get(base) ?? 0; this.taken.has(name); count++) {
      name = `${base}#${count}`;
      this.taken.set(base, count + 1);
    }
    this.taken.set(name, 1);
    return name;
  }
}

/** `Conv:down_blocks.0.resnets.0.conv1.weight`: the operator, and the first weight it reads. */
function nodeLabel(node: Node): string {
  const weight = node.inputs.map(weightName).find((name) => name !== undefined);
  return weight ? `${node.operator.type}:${weight}` : node.operator.type;
}

/** The name of a stored weight, also behind a cast or a transposition. */
function weightName(value: Value | undefined): string | undefined {
  if (value === undefined || value.origin.kind === "input") return undefined;
  if (value.origin.kind !== "node") return value.name;
  const { operator, inputs } = value.origin.node;
  return ["Cast", "Transpose"].includes(operator.type) ? weightName(inputs[0]) : undefined;
}

function tensorProto(tensor: Tensor, name: string): Init<typeof TensorProtoSchema> {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return {
    name,
    dataType: toOnnxType(tensor.dtype),
    dims: tensor.shape.map(BigInt),
    rawData: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
  };
}

function valueInfo(name: string, type: TensorType): Init<typeof ValueInfoProtoSchema> {
  const dim = type.shape.map((size) => ({
    value:
      typeof size === "number"
        ? { case: "dimValue" as const, value: BigInt(size) }
        : { case: "dimParam" as const, value: size },
  }));
  return { name, type: { value: { case: "tensorType", value: { elemType: toOnnxType(type.dtype), shape: { dim } } } } };
}

function attributeProto(name: string, value: Attribute | Float): Init<typeof AttributeProtoSchema> {
  if (value instanceof Float) return { name, type: AttributeType.FLOAT, f: value.value };
  if (typeof value === "number") return { name, type: AttributeType.INT, i: BigInt(value) };
  if (typeof value === "string") {
    // Cast's target is a dtype of ours everywhere but in the file.
    if (name === "to") return { name, type: AttributeType.INT, i: BigInt(toOnnxType(value as Tensor["dtype"])) };
    return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  }
  if ("dtype" in value) return { name, type: AttributeType.TENSOR, t: tensorProto(value, "") };
  if (typeof value[0] === "string") {
    return { name, type: AttributeType.STRINGS, strings: value.map((text) => new TextEncoder().encode(String(text))) };
  }
  return { name, type: AttributeType.INTS, ints: value.map((item) => BigInt(item)) };
}
