import { expect, test } from "vitest";
import { CheckpointError } from "../../src/errors.js";
import { loadTfjsNetwork } from "../../src/face/tfjs-network.js";
import { resolveFile } from "../../src/hub/resolve.js";
import { hseFaceresModel } from "../../src/models/hse-faceres.js";
import { Session } from "../../src/runtime/session.js";
import { f32 } from "../../src/tensor/tensor.js";
import { readJson } from "../support/fixtures.js";

// The real network, from its npm package, against TensorFlow.js (reference/hse_faceres.mjs).

const sizePx = 160;
const pictures = {
  noise: (i: number) => (i * 7919) % 256,
  gradient: (i: number) => ((Math.floor(i / 3) % sizePx) + 2 * Math.floor(i / (3 * sizePx)) + 40 * (i % 3)) % 256,
};

test("descriptors are those of TensorFlow.js", async () => {
  const expected = (await readJson("parity/hse-faceres.json")) as Record<keyof typeof pictures, number[]>;
  const manifest = await resolveFile("npm:@vladmandic/human@3.3.6/models/faceres.json");
  const { model } = await loadTfjsNetwork(manifest, () => ({}));
  const session = await Session.load(model, { device: "cpu", threads: 1 });
  try {
    const places = sizePx * sizePx;
    for (const [picture, pixel] of Object.entries(pictures)) {
      const planes = Float32Array.from({ length: 3 * places }, (_, i) =>
        pixel((i % places) * 3 + Math.floor(i / places)),
      );
      const { descriptor } = await session.run({ faces: f32([1, 3, sizePx, sizePx], planes) });
      const found = descriptor?.data as Float32Array;
      const errors = expected[picture as keyof typeof pictures].map((value, i) =>
        Math.abs(value - (found[i] as number)),
      );
      expect(found).toHaveLength(1024);
      // Sums of float32 in another order, through 27 layers; numbers of up to 6.
      expect(Math.max(...errors)).toBeLessThan(1e-4);
    }
  } finally {
    await session.release();
  }
});

test("weights of another network are refused by name", () => {
  expect(() => hseFaceresModel(new Map(), "other.json")).toThrow(CheckpointError);
  expect(() => hseFaceresModel(new Map(), "other.json")).toThrow('other.json: weight "conv1.convolution.merged_input"');
});
