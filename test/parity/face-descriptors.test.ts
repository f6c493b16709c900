import { expect, test } from "vitest";
import { CheckpointError } from "../../src/errors.js";
import { loadTfjsNetwork } from "../../src/face/tfjs-network.js";
import { resolveFile } from "../../src/hub/resolve.js";
import { hseFaceresModel } from "../../src/models/hse-faceres.js";
import { mobileFaceModel } from "../../src/models/mobileface.js";
import { Session } from "../../src/runtime/session.js";
import { f32 } from "../../src/tensor/tensor.js";
import { readJson } from "../support/fixtures.js";

// The real networks, from their npm packages, against TensorFlow.js (reference/hse_faceres.mjs, reference/mobileface.mjs).

const networks = [
  { name: "hse-faceres", source: "npm:@vladmandic/human@3.3.6/models/faceres.json", sizePx: 160, width: 1024 },
  { name: "mobileface", source: "npm:@vladmandic/human@1.1.1/models/mobileface.json", sizePx: 112, width: 256 },
];

test.each(networks)("descriptors of $name are those of TensorFlow.js", async ({ name, source, sizePx, width }) => {
  const pictures = {
    noise: (i: number) => (i * 7919) % 256,
    gradient: (i: number) => ((Math.floor(i / 3) % sizePx) + 2 * Math.floor(i / (3 * sizePx)) + 40 * (i % 3)) % 256,
  };
  const expected = (await readJson(`parity/${name}.json`)) as Record<keyof typeof pictures, number[]>;
  const { model } = await loadTfjsNetwork(await resolveFile(source), () => ({}));
  const session = await Session.load(model, { device: "cpu", threads: 1 });
  try {
    const places = sizePx * sizePx;
    for (const [picture, pixel] of Object.entries(pictures)) {
      const planes = Float32Array.from({ length: 3 * places }, (_, i) =>
        pixel((i % places) * 3 + Math.floor(i / places)),
      );
      const { descriptor } = await session.run({ faces: f32([1, 3, sizePx, sizePx], planes) });
      const found = descriptor?.data as Float32Array;
      const wanted = expected[picture as keyof typeof pictures];
      const largest = Math.max(...wanted.map(Math.abs));
      const errors = wanted.map((value, i) => Math.abs(value - (found[i] as number)));
      expect(found).toHaveLength(width);
      // Sums of float32 in another order, through up to 27 layers.
      expect(Math.max(...errors) / largest).toBeLessThan(2e-5);
    }
  } finally {
    await session.release();
  }
});

test.each([
  [hseFaceresModel, "conv1.convolution.merged_input"],
  [mobileFaceModel, "conv1_weight"],
] as const)("weights of another network are refused by name", (make, missing) => {
  expect(() => make(new Map(), "other.json")).toThrow(CheckpointError);
  expect(() => make(new Map(), "other.json")).toThrow(`other.json: weight "${missing}"`);
});
