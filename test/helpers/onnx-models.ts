import { closeSync, openSync, writeSync } from "node:fs";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType as Type,
} from "onnx-buf";

/** Small ONNX models for tests of the runtime, written by hand so that they depend on nothing that they test. */

export { Type };

interface ValueSpec {
  name: string;
  /** Default float32. */
  type?: Type;
  /** A string is a symbolic size. */
  shape: readonly (number | string)[];
}

interface NodeSpec {
  op: string;
  name?: string;
  inputs: string[];
  outputs: string[];
  /** Numbers are int attributes, arrays are lists of ints. */
  attributes?: Record<string, number | number[]>;
}

interface ExternalSpec {
  name: string;
  type: Type;
  shape: readonly number[];
  location: string;
  /** Bytes from the start of the file. */
  offset: number;
  byteLength: number;
}

export interface ModelSpec {
  inputs: ValueSpec[];
  outputs: ValueSpec[];
  nodes: NodeSpec[];
  external?: ExternalSpec[];
}

export function buildModel({ inputs, outputs, nodes, external = [] }: ModelSpec): Uint8Array {
  const value = ({ name, type = Type.FLOAT, shape }: ValueSpec) => ({
    name,
    type: {
      value: {
        case: "tensorType" as const,
        value: {
          elemType: type,
          shape: {
            dim: shape.map((size) =>
              typeof size === "string"
                ? { value: { case: "dimParam" as const, value: size } }
                : { value: { case: "dimValue" as const, value: BigInt(size) } },
            ),
          },
        },
      },
    },
  });
  const model = create(ModelProtoSchema, {
    irVersion: 10n,
    opsetImport: [{ domain: "", version: 21n }],
    graph: {
      name: "test",
      input: inputs.map(value),
      output: outputs.map(value),
      node: nodes.map(({ op, name = "", inputs, outputs, attributes = {} }) => ({
        opType: op,
        name,
        input: inputs,
        output: outputs,
        attribute: Object.entries(attributes).map(([name, value]) =>
          Array.isArray(value)
            ? { name, type: AttributeType.INTS, ints: value.map(BigInt) }
            : { name, type: AttributeType.INT, i: BigInt(value) },
        ),
      })),
      initializer: external.map(({ name, type, shape, location, offset, byteLength }) => ({
        name,
        dataType: type,
        dims: shape.map(BigInt),
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: Object.entries({ location, offset, length: byteLength }).map(([key, value]) => ({
          key,
          value: String(value),
        })),
      })),
    },
  });
  return toBinary(ModelProtoSchema, model);
}

/** y = x + x, elementwise. */
export function doubling(shape: readonly (number | string)[], type: Type = Type.FLOAT): Uint8Array {
  return buildModel({
    inputs: [{ name: "x", type, shape }],
    outputs: [{ name: "y", type, shape }],
    nodes: [{ op: "Add", name: "double", inputs: ["x", "x"], outputs: ["y"] }],
  });
}

/** y = x · x · … (`times` products), square [size, size]: work that takes a while. */
export function matrixPowers(size: number, times: number): Uint8Array {
  const names = Array.from({ length: times }, (_, i) => (i === times - 1 ? "y" : `p${i}`));
  return buildModel({
    inputs: [{ name: "x", shape: [size, size] }],
    outputs: [{ name: "y", shape: [size, size] }],
    nodes: names.map((name, i) => ({
      op: "MatMul",
      name: `power.${i}`,
      inputs: [i === 0 ? "x" : names[i - 1]!, "x"],
      outputs: [name],
    })),
  });
}

/**
 * Linear layers whose f16 weights [width, width] lie in a file, cast and transposed in the graph, as in a checkpoint.
 * Writes the file, with a header of 13 bytes that leaves the weights unaligned.
 */
export function linearStack(
  width: number,
  layers: number,
  file: string,
  location: string,
): { bytes: Uint8Array; externalFiles: Map<string, string> } {
  const nodes: NodeSpec[] = [];
  const external: ExternalSpec[] = [];
  const byteLength = width * width * 2;
  const descriptor = openSync(file, "w");
  writeSync(descriptor, Buffer.alloc(13));
  for (let layer = 0; layer < layers; layer++) {
    const w = `layer.${layer}.weight`;
    // f16 patterns between 2^-6 and 2^-5, either sign, by a simple congruential generator.
    let seed = layer + 1;
    const values = Uint16Array.from({ length: width * width }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return ((seed >>> 31) << 15) | (9 << 10) | ((seed >>> 16) & 0x3ff);
    });
    writeSync(descriptor, new Uint8Array(values.buffer));
    const offset = 13 + layer * byteLength;
    external.push({ name: w, type: Type.FLOAT16, shape: [width, width], location, offset, byteLength });
    const x = layer === 0 ? "x" : `h${layer}`;
    const y = layer === layers - 1 ? "y" : `h${layer + 1}`;
    nodes.push(
      { op: "Cast", inputs: [w], outputs: [`${w}.f32`], attributes: { to: Type.FLOAT } },
      { op: "Transpose", inputs: [`${w}.f32`], outputs: [`${w}.t`], attributes: { perm: [1, 0] } },
      { op: "MatMul", name: `layer.${layer}`, inputs: [x, `${w}.t`], outputs: [y] },
    );
  }
  closeSync(descriptor);
  const shape = [3, width];
  const bytes = buildModel({ inputs: [{ name: "x", shape }], outputs: [{ name: "y", shape }], nodes, external });
  return { bytes, externalFiles: new Map([[location, file]]) };
}
