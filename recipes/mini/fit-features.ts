/**
 * Makes two networks for `loss.identity.features`: one sees in an image what a face embedding tells of it, `expected` says of an
 * embedding what that is: of anybody's, so that training can show faces of nobody, too.
 *
 *     node --import tsx recipes/mini/fit-features.ts OUT DATASET...        # OUT/seen.onnx and OUT/expected.onnx
 *
 * What is seen are the features of HSE-FaceRes and of MobileFace, relative to their means over the datasets and of the same variance, in the
 * directions that a kernel ridge regression predicts from embeddings. Relative to the mean because predictions are nearer to it than faces are: without, the
 * cosine rewards faces that are like everybody's. A few minutes.
 */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRows } from "../../src/data/joined-rows.js";
import { loadTfjsNetwork } from "../../src/face/tfjs-network.js";
import { exportOnnx, type GraphInterface } from "../../src/graph/export.js";
import { importOnnx } from "../../src/graph/import.js";
import { concat, mul, product, sub } from "../../src/graph/operators/index.js";
import { substitute } from "../../src/graph/substitute.js";
import { constant, input, size, type Value } from "../../src/graph/value.js";
import { resolveFile } from "../../src/hub/resolve.js";
import { Session } from "../../src/runtime/session.js";
import { f32, type Tensor } from "../../src/tensor/tensor.js";
import { arcFaceInFfhq, resample } from "../../src/train/losses.js";
import { fitKernelRidge } from "./kernel-ridge.js";
import { rows } from "./matrices.js";
import { Products } from "./products.js";

const [out, ...folders] = process.argv.slice(2);
if (out === undefined || folders.length === 0)
  throw new Error("usage: node --import tsx recipes/mini/fit-features.ts OUT DATASET...");

/** What is seen, and where in an FFHQ crop: the face with hair and chin, or what ArcFace sees. */
const networks = [
  {
    source: "npm:@vladmandic/human@3.3.6/models/faceres.json",
    box: { left: 0.125, top: 0.175, side: 0.75 },
  },
  { source: "npm:@vladmandic/human@1.1.1/models/mobileface.json", box: arcFaceInFfhq },
];
/** Components of the features that are predicted, and the regression's penalty: of people left out it then explains 40 %. */
const [rank, penalty] = [256, 1];
const batch = 32;

const dataset = await openRows(folders);
const {
  sizePx,
  embeddings: { size: embeddingSize },
} = dataset.index;
const pixels = input("images", "f32", ["batch", 3, sizePx, sizePx]);
const features = await Promise.all(networks.map(featuresOf));
const session = await Session.load(exportOnnx({ inputs: [pixels], outputs: { features: concat(features, 1) } }));
const [embeddings, seen]: [Float32Array[], Float32Array[]] = [[], []];
for (let start = 0; start < dataset.count; start += batch) {
  const count = Math.min(batch, dataset.count - start);
  const places = sizePx ** 2;
  const images = new Float32Array(count * 3 * places);
  for (let i = 0; i < count; i++) {
    const image = await dataset.readImage(start + i);
    for (let j = 0; j < image.length; j++) images[(3 * i + (j % 3)) * places + Math.floor(j / 3)] = image[j] as number;
    embeddings.push(await dataset.readEmbedding(start + i));
  }
  const { features } = await session.run({ images: f32([count, 3, sizePx, sizePx], images) });
  const { data, shape } = features as Tensor<"f32">;
  const width = shape[1] as number;
  for (let i = 0; i < count; i++) seen.push(data.slice(i * width, (i + 1) * width));
  if (start % 640 === 0) console.error(`${start} of ${dataset.count} faces`);
}
await dataset.close();
const mean = meanOf(seen);
const scales = scalesOf(seen, mean);
const relative = seen.map((row) => row.map((value, i) => (value - mean[i]!) * scales[i]!));
console.error("regression");
const { basis, predict } = await fitKernelRidge(await Products.load(), rows(embeddings), rows(relative), {
  rank,
  penalty,
});
const lengths = Array.from({ length: rank }, (_, k) =>
  Math.hypot(...basis.data.subarray(k * mean.length, (k + 1) * mean.length)),
);
const directions = f32(
  basis.shape,
  basis.data.map((value, i) => value / lengths[Math.floor(i / mean.length)]!),
);
const faces = input("faceEmbedding", "f32", ["batch", embeddingSize]);
const [centre, scale] = [mean, scales].map((values) => constant(f32([mean.length], values))) as [Value, Value];
mkdirSync(out, { recursive: true });
write("expected.onnx", { inputs: [faces], outputs: { expected: mul(predict(faces), constant(f32([rank], lengths))) } });
const deviation = mul(sub(concat(features, 1), centre), scale);
write("seen.onnx", {
  inputs: [pixels],
  outputs: { seen: product(deviation, constant(directions), { transB: true }) },
});
process.exit(0); // the networks' threads would go on

function write(name: string, graph: GraphInterface): void {
  const path = join(out as string, name);
  writeFileSync(`${path}.partial`, exportOnnx(graph).bytes);
  renameSync(`${path}.partial`, path);
}

/** What a network sees in `pixels`: [batch, D]. */
async function featuresOf({ source, box }: (typeof networks)[number]): Promise<Value> {
  const { model } = await loadTfjsNetwork(await resolveFile(source), () => ({}));
  const { inputs, outputs } = importOnnx(model.bytes);
  const faces = inputs[0] as Value;
  return substitute(Object.values(outputs), new Map([[faces, resample(pixels, box, size(faces, 2))]]))[0] as Value;
}

/** What to multiply features with for each network's variances to have the same sum, and all of them 1. */
function scalesOf(vectors: readonly Float32Array[], mean: Float32Array): Float32Array {
  const scales = new Float32Array(mean.length);
  let start = 0;
  for (const { shape } of features) {
    const end = start + (shape[1] as number);
    let sum = 0;
    for (const vector of vectors) for (let i = start; i < end; i++) sum += (vector[i]! - mean[i]!) ** 2;
    scales.fill(Math.sqrt(vectors.length / sum / features.length), start, end);
    start = end;
  }
  return scales;
}

function meanOf(vectors: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(vectors[0]!.length);
  for (const vector of vectors) for (const [i, value] of vector.entries()) sum[i]! += value / vectors.length;
  return Float32Array.from(sum);
}
