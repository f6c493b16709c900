/**
 * Makes two networks for `loss.identity.features`: one sees in an image what a face embedding tells of it, `expected` says of an
 * embedding what that is: of anybody's, so that training can show faces of nobody, too.
 *
 *     node --import tsx recipes/mini/fit-features.ts OUT DATASET...        # OUT/seen.onnx and OUT/expected.onnx
 *
 * What is seen are the features of HSE-FaceRes, relative to their mean over the datasets, in the directions that a kernel ridge regression
 * predicts from embeddings. Relative to the mean because predictions are nearer to it than faces are: without, the
 * cosine rewards faces that are like everybody's. A minute or two.
 */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRows } from "../../src/data/joined-rows.js";
import { loadTfjsNetwork } from "../../src/face/tfjs-network.js";
import { exportOnnx, type GraphInterface } from "../../src/graph/export.js";
import { importOnnx } from "../../src/graph/import.js";
import { mul, product, sub, transpose } from "../../src/graph/operators/index.js";
import { substitute } from "../../src/graph/substitute.js";
import { constant, input, size, type Value } from "../../src/graph/value.js";
import { resolveFile } from "../../src/hub/resolve.js";
import { Session } from "../../src/runtime/session.js";
import { f32, type Tensor } from "../../src/tensor/tensor.js";
import { faceBoxInFfhq, resample } from "../../src/train/losses.js";
import { fitKernelRidge } from "./kernel-ridge.js";
import { rows } from "./matrices.js";
import { Products } from "./products.js";

const [out, ...folders] = process.argv.slice(2);
if (out === undefined || folders.length === 0)
  throw new Error("usage: node --import tsx recipes/mini/fit-features.ts OUT DATASET...");

const source = "npm:@vladmandic/human@3.3.6/models/faceres.json";
/** Components of the features that are predicted, and the regression's penalty: of people left out it then explains 40 %. */
const [rank, penalty] = [128, 1];
const batch = 32;

const dataset = await openRows(folders);
const {
  sizePx,
  embeddings: { size: embeddingSize },
} = dataset.index;
const { model } = await loadTfjsNetwork(await resolveFile(source), () => ({}));
const network = importOnnx(model.bytes);
const see = await featuresOf();
const [embeddings, seen]: [Float32Array[], Float32Array[]] = [[], []];
for (let start = 0; start < dataset.count; start += batch) {
  const count = Math.min(batch, dataset.count - start);
  const images = new Float32Array(count * sizePx * sizePx * 3);
  for (let i = 0; i < count; i++) {
    images.set(await dataset.readImage(start + i), i * sizePx * sizePx * 3);
    embeddings.push(await dataset.readEmbedding(start + i));
  }
  const { data, shape } = await see(f32([count, sizePx, sizePx, 3], images));
  const width = shape[1] as number;
  for (let i = 0; i < count; i++) seen.push(data.slice(i * width, (i + 1) * width));
  if (start % 640 === 0) console.error(`${start} of ${dataset.count} faces`);
}
await dataset.close();
const mean = meanOf(seen);
for (const row of seen) for (let i = 0; i < row.length; i++) row[i]! -= mean[i]!;
console.error("regression");
const { basis, predict } = await fitKernelRidge(await Products.load(), rows(embeddings), rows(seen), { rank, penalty });
const lengths = Array.from({ length: rank }, (_, k) =>
  Math.hypot(...basis.data.subarray(k * mean.length, (k + 1) * mean.length)),
);
const directions = f32(
  basis.shape,
  basis.data.map((value, i) => value / lengths[Math.floor(i / mean.length)]!),
);
const faces = input("faceEmbedding", "f32", ["batch", embeddingSize]);
const relative = sub(Object.values(network.outputs)[0] as Value, constant(f32([mean.length], mean)));
mkdirSync(out, { recursive: true });
write("expected.onnx", { inputs: [faces], outputs: { expected: mul(predict(faces), constant(f32([rank], lengths))) } });
write("seen.onnx", {
  inputs: network.inputs,
  outputs: { seen: product(relative, constant(directions), { transB: true }) },
});
process.exit(0); // the networks' threads would go on

function write(name: string, graph: GraphInterface): void {
  const path = join(out as string, name);
  writeFileSync(`${path}.partial`, exportOnnx(graph).bytes);
  renameSync(`${path}.partial`, path);
}

/** What HSE-FaceRes sees in images [N, S, S, 3] of 0 to 255. */
async function featuresOf() {
  const { inputs, outputs } = network;
  const pixels = input("images", "f32", ["batch", sizePx, sizePx, 3]);
  const faces = inputs[0] as Value;
  const crops = resample(transpose(pixels, [0, 3, 1, 2]), faceBoxInFfhq, size(faces, 2));
  const [features] = substitute(Object.values(outputs), new Map([[faces, crops]]));
  const session = await Session.load(exportOnnx({ inputs: [pixels], outputs: { features: features as Value } }));
  return async (images: Tensor<"f32">) => (await session.run({ images })).features as Tensor<"f32">;
}

function meanOf(vectors: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(vectors[0]!.length);
  for (const vector of vectors) for (const [i, value] of vector.entries()) sum[i]! += value / vectors.length;
  return Float32Array.from(sum);
}
