import { createHash } from "node:crypto";
import { type ResolvedFile, type ResolveOptions, resolveFile } from "../hub/resolve.js";
import { dlibResnetModel } from "../models/dlib-resnet.js";
import { hseFaceresModel } from "../models/hse-faceres.js";
import { readTfjsManifest, readTfjsWeights, tfjsShards } from "../tensor/tfjs-weights.js";

/** Whether a file describes a network of TensorFlow.js, whose weights lie in other files beside it. */
export function isTfjsManifest(path: string): boolean {
  return path.endsWith(".json");
}

/**
 * The network whose manifest this is: HSE-FaceRes or dlib's face recogniser, those of this format that are known here. Its weights
 * are fetched from beside the manifest.
 * @param manifest as it was resolved
 * @param optionsOf how a weight file of this name is resolved
 * @returns the graph, and a hash of the manifest and all weights together
 * @throws CheckpointError if it is another network; and as {@link resolveFile}
 */
export async function loadTfjsNetwork(manifest: ResolvedFile, optionsOf: (name: string) => ResolveOptions) {
  const described = await readTfjsManifest(manifest.path);
  const hash = createHash("sha256").update(manifest.sha256);
  for (const name of tfjsShards(described)) {
    const { sha256 } = await resolveFile(manifest.source.replace(/[^/\\]*$/, name), optionsOf(name));
    hash.update(sha256);
  }
  // `/` between the parts of a name is TensorFlow's, `.` is everybody else's.
  const weights = new Map(
    Array.from(await readTfjsWeights(described), ([name, value]) => [name.replaceAll("/", "."), value]),
  );
  const makeModel = weights.has("conv1.convolution.merged_input") ? hseFaceresModel : dlibResnetModel;
  return { model: makeModel(weights, manifest.path), sha256: hash.digest("hex") };
}
