// Descriptors of HSE-FaceRes as TensorFlow.js runs it, for test/parity/hse-faceres.test.ts.
//
//   npm install --prefix reference/.node @vladmandic/human@3.3.6 @tensorflow/tfjs@4.22.0
//   node reference/hse_faceres.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(here, ".node/"));
const tf = require("@tensorflow/tfjs");
const models = join(here, ".node/node_modules/@vladmandic/human/models");
const sizePx = 160;

await tf.setBackend("cpu");
const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(models, "faceres.json"), "utf8"));
// The network has no layer that needs the 224 pixels which it declares.
for (const { op, attr } of modelTopology.node) if (op === "Placeholder") delete attr.shape;
const net = await tf.loadGraphModel({
  load: async () => ({
    modelTopology,
    weightSpecs: weightsManifest.flatMap(({ weights }) => weights),
    weightData: new Uint8Array(readFileSync(join(models, "faceres.bin"))).buffer,
  }),
});

/** Pixels of the pictures in the order of the rows, R G B. */
const pictures = {
  noise: (i) => (i * 7919) % 256,
  gradient: (i) => ((Math.floor(i / 3) % sizePx) + 2 * Math.floor(i / (3 * sizePx)) + 40 * (i % 3)) % 256,
};
const descriptors = {};
for (const [picture, pixel] of Object.entries(pictures)) {
  const pixels = Float32Array.from({ length: sizePx * sizePx * 3 }, (_, i) => pixel(i));
  const descriptor = net.execute(tf.tensor4d(pixels, [1, sizePx, sizePx, 3]), "global_pooling/Mean");
  descriptors[picture] = Array.from(await descriptor.data(), (value) => Number(value.toFixed(6)));
}
writeFileSync(join(here, "../test/fixtures/parity/hse-faceres.json"), `${JSON.stringify(descriptors)}\n`);
