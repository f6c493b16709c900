import { readFile, realpath, stat } from "node:fs/promises";
import { dirname, parse, relative, resolve, sep } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  TensorProto_DataLocation as DataLocation,
  type GraphProto,
  ModelProtoSchema,
  type TensorProto,
} from "onnx-buf";
import { CheckpointError } from "../errors.js";
import type { OnnxModel } from "../graph/onnx-model.js";

/** A file of weights: its real path, and what changes when it does. */
export interface WeightsFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/** A model whose weights were found. */
export interface GraphFile {
  readonly bytes: Uint8Array;
  /** By the location that the model uses. */
  readonly weights: ReadonlyMap<string, WeightsFile>;
}

/** A model as ONNX Runtime takes it: the locations inside `bytes` are relative to `weightsFolder`. */
export interface PlacedGraph {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly weightsFolder: string | undefined;
}

/**
 * Reads a model, or the path of one, and finds its weights.
 * @throws CheckpointError if the model cannot be parsed or a file of weights is missing
 */
export async function openGraph(model: OnnxModel | string): Promise<GraphFile> {
  const { bytes, externalFiles } = typeof model === "string" ? await readOnnx(model) : model;
  const weights = new Map<string, WeightsFile>();
  for (const [location, file] of externalFiles) {
    const path = await realpath(file).catch((cause) => {
      throw new CheckpointError(`The weights file ${file} is missing. Download the model again.`, { cause });
    });
    const { size, mtimeMs } = await stat(path);
    weights.set(location, { path, size, mtimeMs });
  }
  return { bytes, weights };
}

async function readOnnx(path: string): Promise<OnnxModel> {
  const bytes = await readFile(path).catch((cause) => {
    throw new CheckpointError(`The model ${path} cannot be read: ${cause.message}.`, { cause });
  });
  const externalFiles = new Map<string, string>();
  // Every external tensor carries this key, so most models need not be parsed here.
  if (bytes.includes("location")) {
    for (const tensor of externalTensors(parseModel(bytes).graph)) {
      const location = locationOf(tensor).value;
      externalFiles.set(location, resolve(dirname(path), location));
    }
  }
  return { bytes, externalFiles };
}

/**
 * Rewrites the locations of external weights to paths below one folder, the deepest that holds them all. ONNX Runtime
 * reads nothing outside the folder it is given, and does not follow a symbolic link out of it.
 * @throws CheckpointError if the model names a location that is not known, or the files are on two drives (Windows)
 */
export function placeWeights({ bytes, weights }: GraphFile): PlacedGraph {
  if (weights.size === 0) return { bytes: Uint8Array.from(bytes), weightsFolder: undefined };
  const folder = commonFolder([...weights.values()].map((file) => file.path));
  const model = parseModel(bytes);
  for (const tensor of externalTensors(model.graph)) {
    const entry = locationOf(tensor);
    const file = weights.get(entry.value);
    if (!file) throw new CheckpointError(`${tensor.name}: no file is known for its location "${entry.value}".`);
    entry.value = relative(folder, file.path).split(sep).join("/");
  }
  return { bytes: toBinary(ModelProtoSchema, model), weightsFolder: folder };
}

function parseModel(bytes: Uint8Array) {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw new CheckpointError("The model is not a valid ONNX file. Download it again.", { cause });
  }
}

/** Tensors whose data is in a file, in a graph and in the graphs inside its nodes (branches, loop bodies). */
function* externalTensors(graph: GraphProto | undefined): Generator<TensorProto> {
  if (!graph) return;
  for (const tensor of graph.initializer) {
    if (tensor.dataLocation === DataLocation.EXTERNAL) yield tensor;
  }
  for (const { attribute } of graph.node) {
    for (const { g, t, graphs } of attribute) {
      if (t?.dataLocation === DataLocation.EXTERNAL) yield t;
      for (const inner of g ? [g, ...graphs] : graphs) yield* externalTensors(inner);
    }
  }
}

function locationOf(tensor: TensorProto): { value: string } {
  const entry = tensor.externalData.find(({ key }) => key === "location");
  if (!entry) throw new CheckpointError(`${tensor.name}: external data without a location.`);
  return entry;
}

/** The deepest folder that holds all files (absolute paths). */
export function commonFolder(files: readonly string[]): string {
  let folder = dirname(files[0]!);
  for (const file of files) {
    if (parse(file).root !== parse(folder).root) {
      throw new CheckpointError(
        `${file} and ${files[0]} are on different drives. Keep a model's weights on one drive.`,
      );
    }
    while (file !== folder && !file.startsWith(folder.endsWith(sep) ? folder : folder + sep)) folder = dirname(folder);
  }
  return folder;
}
