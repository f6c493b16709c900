import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { exportOnnx } from "../../src/graph/export.js";
import { input, type Value } from "../../src/graph/value.js";
import { FileWeights, Weights } from "../../src/graph/weights.js";
import { Session } from "../../src/runtime/session.js";
import { openSafetensors, readTensor } from "../../src/tensor/safetensors.js";
import type { Tensor } from "../../src/tensor/tensor.js";

/** Absolute path of a fixture. */
export const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

export const readJson = async (path: string): Promise<unknown> => JSON.parse(await readFile(fixture(path), "utf8"));

/** All tensors of a fixture. */
export async function readTensors(path: string): Promise<Map<string, Tensor>> {
  const file = await openSafetensors(fixture(path));
  const names = [...file.entries.keys()];
  return new Map(await Promise.all(names.map(async (name) => [name, await readTensor(file, name)] as const)));
}

/** The tensor of that name, or an error naming what is missing from the fixture. */
export function need(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`the fixture has no tensor "${name}"`);
  return tensor;
}

export async function openWeights(path: string): Promise<Weights> {
  return new Weights(new FileWeights(await openSafetensors(fixture(path))));
}

/** Collects inputs with the values that will be fed to them, and runs graphs that read them. */
export class Feeds {
  private readonly inputs: Value[] = [];
  private readonly tensors: Record<string, Tensor> = {};

  add(name: string, tensor: Tensor): Value {
    const value = input(name, tensor.dtype, tensor.shape);
    this.inputs.push(value);
    this.tensors[name] = tensor;
    return value;
  }

  async run(outputs: Record<string, Value>): Promise<Record<string, Tensor>> {
    const session = await Session.load(exportOnnx({ inputs: this.inputs, outputs }));
    try {
      return await session.run(this.tensors);
    } finally {
      await session.release();
    }
  }
}
