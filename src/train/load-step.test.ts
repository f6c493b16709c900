import { mkdtempSync, rmSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { tinyAutoencoder, tinyRecipe, writeDataset } from "../../test/support/training.js";
import { openSafetensors, readTensor } from "../tensor/safetensors.js";
import { trainBase } from "./methods.js";

const folder = mkdtempSync(join(tmpdir(), "arc2face-offload-"));
afterAll(() => rmSync(folder, { recursive: true }));

const unetOf = (name: string) => join(folder, name, "model/arc2face/diffusion_pytorch_model.safetensors");

async function train(name: string, offload: string, { stopAt = 0, resume = false } = {}) {
  const recipe = tinyRecipe(4, { steps: 2, offload });
  const controller = new AbortController();
  return trainBase(recipe, "encoder", await tinyAutoencoder(), {
    data: [join(folder, "data")],
    out: join(folder, name),
    resume,
    version: "test",
    signal: controller.signal,
    onProgress: ({ step }) => step === stopAt && controller.abort(),
  });
}

it("trains in stages with the state on disk, stops and resumes to the same bits as with the state in memory", async () => {
  await writeDataset(join(folder, "data"));
  expect(await train("disk", "disk", { stopAt: 1 })).toEqual({ step: 1, steps: 2 });
  expect(await readdir(join(folder, "disk"))).not.toContain("state.tmp");
  expect(await train("disk", "disk", { resume: true })).toMatchObject({ step: 2 });
  await train("memory", "memory");
  expect(await readFile(unetOf("disk"))).toEqual(await readFile(unetOf("memory")));

  await train("never", "never");
  const [staged, whole] = await Promise.all(["disk", "never"].map(readAll));
  for (const [name, expected] of Object.entries(whole ?? {})) {
    const largest = Math.max(...expected.map(Math.abs));
    for (const [i, value] of expected.entries()) {
      expect(Math.abs((staged?.[name]?.[i] ?? Number.NaN) - value), name).toBeLessThan(1e-5 * largest);
    }
  }
});

async function readAll(name: string): Promise<Record<string, Float32Array>> {
  const file = await openSafetensors(unetOf(name));
  const values: Record<string, Float32Array> = {};
  for (const key of file.entries.keys()) values[key] = (await readTensor(file, key)).data as Float32Array;
  return values;
}
