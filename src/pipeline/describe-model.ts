import type { DType } from "../tensor/dtype.js";
import type { SafetensorsFile } from "../tensor/safetensors.js";
import { elementCount } from "../tensor/tensor.js";
import type { ModelManifest } from "./manifest.js";
import type { ModelFolder } from "./model-folder.js";
import { trainedSize } from "./request.js";

/** One network of a model, as it lies on disk. */
export interface NetworkDescription {
  readonly name: "unet" | "encoder" | "autoencoder";
  readonly parameters: number;
  /** Of the weights, most frequent first. */
  readonly dtypes: readonly DType[];
  /** Of all tensors, in memory as on disk. */
  readonly bytes: number;
  /** Absolute path of the weights; in the cache, if they were rewritten from a torch pickle. */
  readonly file: string;
}

/** What a model is, in numbers. */
export interface ModelDescription {
  /** Absolute path. */
  readonly folder: string;
  readonly networks: readonly NetworkDescription[];
  /** The size that the model was trained at. */
  readonly widthPx: number;
  readonly heightPx: number;
  readonly embeddingSize: number;
  /** The recogniser that embeddings must come from, if the model says. */
  readonly recogniser: ModelManifest["recogniser"];
  readonly defaults: ModelManifest["defaults"];
  readonly licence: string | undefined;
}

/** Describes an opened model; no weights are read. */
export function describeModel(folder: ModelFolder): ModelDescription {
  const { unet, encoder, autoencoder, manifest } = folder;
  const { embeddingSize, recogniser, defaults, licence } = manifest;
  const [widthPx, heightPx] = trainedSize(folder);
  return {
    folder: folder.path,
    networks: [
      describeNetwork("unet", unet.weights),
      describeNetwork("encoder", encoder.weights),
      describeNetwork("autoencoder", autoencoder.weights),
    ],
    widthPx,
    heightPx,
    embeddingSize,
    recogniser,
    defaults,
    licence,
  };
}

function describeNetwork(name: NetworkDescription["name"], { path, entries }: SafetensorsFile): NetworkDescription {
  const tensors = [...entries.values()];
  // Index buffers, such as CLIP's position_ids, are stored beside the weights.
  const weights = tensors.filter(({ dtype }) => !/^[iu]|bool/.test(dtype));
  const counts = new Map<DType, number>();
  for (const { dtype, shape } of weights) counts.set(dtype, (counts.get(dtype) ?? 0) + elementCount(shape));
  return {
    name,
    parameters: [...counts.values()].reduce((sum, count) => sum + count, 0),
    dtypes: [...counts].sort(([, a], [, b]) => b - a).map(([dtype]) => dtype),
    bytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
    file: path,
  };
}
