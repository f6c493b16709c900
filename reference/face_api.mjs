// Descriptors of face-api's FaceRecognitionNet, for test/parity/dlib-resnet.test.ts.
//
//   npm install --prefix reference/.node @vladmandic/face-api@1.7.15 @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
//   node reference/face_api.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(here, ".node/"));
const { tf, FaceRecognitionNet } = require("@vladmandic/face-api/dist/face-api.node-wasm.js");
const models = join(dirname(require.resolve("@vladmandic/face-api/package.json")), "model");

await tf.setBackend("cpu");
const name = "face_recognition_model";
const [{ weights }] = JSON.parse(readFileSync(join(models, `${name}-weights_manifest.json`), "utf8"));
const net = new FaceRecognitionNet();
net.loadFromWeightMap(tf.io.decodeWeights(new Uint8Array(readFileSync(join(models, `${name}.bin`))).buffer, weights));

/** Pixels of 150x150 pictures in the order of the rows, R G B. */
const pictures = {
  noise: (i) => (i * 7919) % 256,
  gradient: (i) => ((Math.floor(i / 3) % 150) + 2 * Math.floor(i / 450) + 40 * (i % 3)) % 256,
};
const descriptors = {};
for (const [picture, pixel] of Object.entries(pictures)) {
  const pixels = tf.tensor3d(
    Float32Array.from({ length: 150 * 150 * 3 }, (_, i) => pixel(i)),
    [150, 150, 3],
  );
  descriptors[picture] = Array.from(await net.computeFaceDescriptor(pixels));
}
writeFileSync(join(here, "../test/fixtures/parity/dlib-resnet.json"), `${JSON.stringify(descriptors)}\n`);
