import { CheckpointError, InputError } from "../errors.js";
import { LoraWeights, type LowRankUpdate } from "../graph/lora.js";
import { FileWeights } from "../graph/weights.js";
import { type ResolveOptions, resolveFile } from "../hub/resolve.js";
import { type LoraPair, readLora, weightModules } from "../tensor/lora.js";
import { openSafetensors, type SafetensorsFile } from "../tensor/safetensors.js";
import type { Patch } from "./graphs.js";
import type { ModelFolder } from "./model-folder.js";

export interface LoraOptions {
  /** A safetensors file in the naming of PEFT, diffusers or kohya: a path, or `hf:OWNER/REPO[@REVISION]/path`. */
  readonly path: string;
  /** Factor of the update; default 1. */
  readonly scale?: number;
}

/** Brings LoRA files that are named by their origin to this machine. @throws DownloadError if one cannot be had */
export function fetchLoras(loras: readonly LoraOptions[], options: ResolveOptions): Promise<LoraOptions[]> {
  return Promise.all(
    loras.map(async ({ path, scale }) => ({
      path: /^(hf|npm|file):/.test(path) ? (await resolveFile(path, options)).path : path,
      scale,
    })),
  );
}

/**
 * Reads LoRA files for the networks of a model.
 * @throws CheckpointError if a file is damaged or was made for another architecture
 */
export async function loadLoras(loras: readonly LoraOptions[], folder: ModelFolder): Promise<Patch> {
  const modules = {
    unet: weightModules(folder.unet.weights.entries.keys()),
    text_encoder: weightModules(folder.encoder.weights.entries.keys()),
  };
  const loaded = await Promise.all(
    loras.map(async ({ path, scale = 1 }) => {
      if (!Number.isFinite(scale)) throw new InputError(`LoRA ${path}: scale ${scale} is not a number; 1 is usual`);
      const file = await openSafetensors(path);
      return { file, scale, pairs: await readLora(file, modules) };
    }),
  );
  return (weights, network) =>
    loaded.reduce((base, { file, scale, pairs }) => {
      const mine = pairs.filter(({ target }) => target === network);
      return mine.length === 0 ? base : new LoraWeights(base, lowRankUpdates(file, mine), scale);
    }, weights);
}

function lowRankUpdates(file: SafetensorsFile, pairs: readonly LoraPair[]): Map<string, LowRankUpdate> {
  const weights = new FileWeights(file);
  const value = (name: string) => {
    const entry = file.entries.get(name);
    if (!entry) throw new CheckpointError(`${file.path} has no tensor "${name}"`);
    return weights.get(name, entry.shape);
  };
  return new Map(
    pairs.map(({ module, down, up, alpha }) => [`${module}.weight`, { down: value(down), up: value(up), alpha }]),
  );
}
