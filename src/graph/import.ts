import { isAbsolute, join, normalize } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation as DataLocation,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "onnx-buf";
import { Arc2FaceError, CheckpointError } from "../errors.js";
import { allocate, type DType } from "../tensor/dtype.js";
import { elementCount, type Tensor } from "../tensor/tensor.js";
import type { GraphInterface } from "./export.js";
import { foldIntegers } from "./fold.js";
import { modernize } from "./modernize.js";
import { fromOnnxType, fromRawBytes } from "./onnx-types.js";
import { operators } from "./operators/index.js";
import { type Attribute, apply, type Dims, Float, input, type Value } from "./value.js";

export interface ImportOptions {
  /** Folder of the .onnx file, where its external data lies; without it external data is refused. */
  readonly folder?: string;
  /** Shapes for inputs whose file leaves sizes open, by input name. */
  readonly inputShapes?: Readonly<Record<string, Dims>>;
}

/**
 * Reads an ONNX model into a graph, so that it can be part of another one (a frozen recogniser in a loss).
 * Older opsets are rewritten to the one this project exports; control flow is refused.
 * @throws CheckpointError if the file is damaged or has an operator, type or shape that graphs here cannot hold
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): GraphInterface {
  try {
    return read(parse(bytes), options);
  } catch (cause) {
    if (cause instanceof Arc2FaceError && cause.code !== "ERR_SHAPE") throw cause;
    throw new CheckpointError(`ONNX model: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw new CheckpointError("the file is not an ONNX model, or is damaged", { cause });
  }
}

function read(model: ModelProto, options: ImportOptions): GraphInterface {
  const { graph } = model;
  if (!graph) throw new CheckpointError("the ONNX model holds no graph");
  const opset = Number(model.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx")?.version ?? 1n);
  const values = new Map<string, Value>();
  const define = (name: string, value: Value) => {
    if (values.has(name)) throw new CheckpointError(`ONNX model: two values are called "${name}"`);
    values.set(name, value);
  };
  for (const tensor of graph.initializer) define(tensor.name, initializer(tensor, options.folder));
  const inputs = graph.input
    .filter(({ name }) => !values.has(name))
    .map((info) => inputValue(info, options.inputShapes?.[info.name]));
  for (const value of inputs) define(value.name as string, value);

  for (const node of graph.node) {
    const operands = node.input.map((name) => (name === "" ? undefined : lookup(values, name, node)));
    const results = evaluate(node, operands, opset, options.folder);
    node.output.forEach((name, i) => {
      const value = results[i];
      if (name !== "" && value) define(name, value);
    });
  }
  return { inputs, outputs: Object.fromEntries(graph.output.map(({ name }) => [name, lookup(values, name)])) };
}

function lookup(values: ReadonlyMap<string, Value>, name: string, node?: NodeProto): Value {
  const value = values.get(name);
  if (value) return value;
  throw new CheckpointError(
    `ONNX model: ${node ? `${node.opType} "${node.name}" reads` : "output"} "${name}", which nothing computes`,
  );
}

/** The values a node stands for: folded integers, its operand (for nodes without effect), or a node of our own. */
function evaluate(
  node: NodeProto,
  operands: readonly (Value | undefined)[],
  opset: number,
  folder: string | undefined,
): readonly Value[] {
  const attributes = Object.fromEntries(
    node.attribute.map((attribute) => [attribute.name, readAttribute(attribute, node, folder)]),
  );
  const modern = modernize({ type: node.opType, operands, attributes }, opset);
  if ("value" in modern) return [modern.value];
  const folded = foldIntegers(modern.type, modern.operands, modern.attributes);
  if (folded) return [folded];
  const operator = operators.get(modern.type);
  const domain = node.domain === "ai.onnx" ? "" : node.domain;
  if (!operator || (operator.domain ?? "") !== domain) {
    throw new CheckpointError(`ONNX model: operator ${domain ? `${domain}.` : ""}${node.opType} is not supported`);
  }
  return apply(operator, modern.operands, modern.attributes, Math.max(1, node.output.length));
}

function inputValue(info: ValueInfoProto, shape: Dims | undefined): Value {
  const type = info.type?.value;
  if (type?.case !== "tensorType") throw new CheckpointError(`ONNX model: input "${info.name}" is not a tensor`);
  const declared = type.value.shape?.dim.map(({ value }, axis) => {
    if (value.case === "dimValue" && value.value > 0n) return Number(value.value);
    return value.case === "dimParam" && value.value ? value.value : `${info.name}_${axis}`;
  });
  const dims = shape ?? declared;
  if (!dims) throw new CheckpointError(`ONNX model: input "${info.name}" has no shape`);
  return input(info.name, fromOnnxType(type.value.elemType, `input "${info.name}"`), dims);
}

function initializer(proto: TensorProto, folder: string | undefined): Value {
  const dtype = fromOnnxType(proto.dataType, `initializer "${proto.name}"`);
  const shape = readDims(proto);
  if (proto.dataLocation !== DataLocation.EXTERNAL) {
    return { name: proto.name, dtype, shape, origin: { kind: "constant", tensor: readTensor(proto) } };
  }
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = normalize(entries.get("location") ?? "");
  if (folder === undefined || isAbsolute(location) || location.startsWith("..") || location === ".") {
    throw new CheckpointError(
      `ONNX model: external data of "${proto.name}" at "${location}" lies outside the model's folder`,
    );
  }
  const byteLength = elementCount(shape) * allocate(dtype, 0).BYTES_PER_ELEMENT;
  const offset = Number(entries.get("offset") ?? 0);
  if (Number(entries.get("length") ?? byteLength) !== byteLength || !Number.isSafeInteger(offset) || offset < 0) {
    throw new CheckpointError(`ONNX model: external data of "${proto.name}" does not fit its shape`);
  }
  return {
    name: proto.name,
    dtype,
    shape,
    origin: { kind: "file", slice: { path: join(folder, location), offset, byteLength } },
  };
}

function readDims(proto: TensorProto): number[] {
  const shape = proto.dims.map(Number);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0) || !Number.isSafeInteger(elementCount(shape))) {
    throw new CheckpointError(`ONNX model: tensor "${proto.name}" has impossible shape [${shape.join(", ")}]`);
  }
  return shape;
}

function readTensor(proto: TensorProto): Tensor {
  const where = `ONNX tensor "${proto.name}"`;
  const dtype = fromOnnxType(proto.dataType, where);
  const shape = readDims(proto);
  const count = elementCount(shape);
  if (proto.rawData.byteLength > 0) return { dtype, shape, data: fromRawBytes(dtype, count, proto.rawData, where) };
  const items = typedItems(proto, dtype);
  if (items.length !== count)
    throw new CheckpointError(`${where}: ${items.length} elements for shape [${shape.join(", ")}]`);
  const data = allocate(dtype, count);
  for (let i = 0; i < count; i++) data[i] = items[i] as number & bigint;
  return { dtype, shape, data };
}

/** The field of a TensorProto that holds elements of this type when they are not raw bytes. */
function typedItems(proto: TensorProto, dtype: DType): ArrayLike<number | bigint> {
  if (dtype === "f32") return proto.floatData;
  if (dtype === "f64") return proto.doubleData;
  return dtype === "i64" ? proto.int64Data : proto.int32Data;
}

function readAttribute(attribute: AttributeProto, node: NodeProto, folder: string | undefined): Attribute | Float {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  switch (attribute.type) {
    case AttributeType.FLOAT:
      return new Float(attribute.f);
    case AttributeType.INT:
      return attribute.name === "to"
        ? fromOnnxType(Number(attribute.i), `${node.opType} "${node.name}"`)
        : Number(attribute.i);
    case AttributeType.STRING:
      return text(attribute.s);
    case AttributeType.INTS:
      return attribute.ints.map(Number);
    case AttributeType.FLOATS:
      return { dtype: "f32", shape: [attribute.floats.length], data: Float32Array.from(attribute.floats) };
    case AttributeType.STRINGS:
      return attribute.strings.map(text);
    case AttributeType.TENSOR:
      if (attribute.t)
        return (initializer(attribute.t, folder).origin as { tensor?: Tensor }).tensor ?? refuse(attribute, node);
      return refuse(attribute, node);
    default:
      return refuse(attribute, node);
  }
}

function refuse(attribute: AttributeProto, node: NodeProto): never {
  throw new CheckpointError(
    `ONNX model: attribute "${attribute.name}" of ${node.opType} "${node.name}" is not supported`,
  );
}
