// Descriptors of MobileFace as TensorFlow.js runs it, for test/parity/mobileface.test.ts.
//
//   npm install --prefix reference/.node human-1@npm:@vladmandic/human@1.1.1 @tensorflow/tfjs@4.22.0
//   node reference/mobileface.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(here, ".node/"));
const tf = require("@tensorflow/tfjs");
const models = join(here, ".node/node_modules/human-1/models");
const sizePx = 112;

await tf.setBackend("cpu");
const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(models, "mobileface.json"), "utf8"));
const net = await tf.loadGraphModel({
  load: async () => ({
    modelTopology,
    weightSpecs: weightsManifest.flatMap(({ weights }) => weights),
    weightData: new Uint8Array(readFileSync(join(models, "mobileface.bin"))).buffer,
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
  const descriptor = net.execute(tf.tensor4d(pixels, [1, sizePx, sizePx, 3]));
  descriptors[picture] = Array.from(await descriptor.data(), (value) => Number(value.toFixed(6)));
}
writeFileSync(join(here, "../test/fixtures/parity/mobileface.json"), `${JSON.stringify(descriptors)}\n`);
