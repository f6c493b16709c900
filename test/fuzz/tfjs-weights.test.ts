import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CheckpointError } from "../../src/errors.js";
import { readTfjsManifest, readTfjsWeights } from "../../src/tensor/tfjs-weights.js";
import { mutations } from "../support/mutate.js";

test("a mutated manifest is read or refused, never anything else, and reads nothing outside its folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tfjs-fuzz-"));
  try {
    await writeFile(join(folder, "w.bin"), new Uint8Array(70).fill(7));
    const whole = Buffer.from(
      JSON.stringify([
        {
          weights: [
            // A long name, so that some changes do no harm.
            {
              name: "a".repeat(400),
              shape: [5, 2],
              dtype: "float32",
              quantization: { dtype: "uint8", scale: 0.5, min: -1 },
            },
            { name: "b", shape: [3, 5], dtype: "float32" },
          ],
          paths: ["w.bin"],
        },
      ]),
    );
    const outcomes = { read: 0, refused: 0 };
    for (const bytes of mutations(whole, 11, 1500)) {
      const path = join(folder, "x-weights_manifest.json");
      await writeFile(path, bytes);
      try {
        const tensors = await readTfjsWeights(await readTfjsManifest(path));
        const elements = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
        expect(elements).toBeLessThanOrEqual(70);
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error;
        outcomes.refused++;
      }
    }
    expect(outcomes.read).toBeGreaterThan(50);
    expect(outcomes.refused).toBeGreaterThan(500);
  } finally {
    await rm(folder, { recursive: true });
  }
});
