import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { cast } from "../../src/tensor/convert.js";
import { readTensor, type SafetensorsFile, writeSafetensors } from "../../src/tensor/safetensors.js";
import { f32 } from "../../src/tensor/tensor.js";

/** Puts tensors below a name, and what the configuration says of them, into the copy `folder` of a model. */
export async function replaceTensors(
  folder: string,
  model: string,
  weights: SafetensorsFile,
  name: string,
  setting: unknown,
  fitted: readonly (readonly [string, readonly number[], ArrayLike<number>])[],
): Promise<void> {
  const file = join(folder, relative(model, weights.path));
  const kept = [...weights.entries].filter(([key]) => !key.startsWith(`${name}.`));
  await writeSafetensors(
    file,
    [
      ...kept.map(([key, { dtype, shape }]) => [key, { dtype, shape, read: () => readTensor(weights, key) }] as const),
      ...fitted.map(([key, shape, values]) => {
        const value = cast(f32(shape, values), "f16");
        return [`${name}.${key}`, { dtype: value.dtype, shape, read: async () => value }] as const;
      }),
    ],
    { metadata: { format: "pt" } },
  );
  const config = join(file, "../config.json");
  writeFileSync(
    config,
    `${JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), [name]: setting }, null, 2)}\n`,
  );
}
