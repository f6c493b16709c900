/**
 * Gives a model an identity map (`src/models/identity-map.ts`), or a new one, without training: the map of rank 40 that predicts
 * the datasets' latents best from what the model's face encoder says of their faces, by ridge regression in closed form. Each dataset
 * is taken relative to its own mean, since what tells the datasets apart tells no people apart.
 *
 *     node --import tsx recipes/mini/fit-identity-map.ts MODEL OUT DATASET...
 *
 * The map is 0 for the mean face of the datasets that have the model's own prompt, and for nobody, so that guidance strengthens it.
 * Its weight is minus the square of the noise level: the velocity of pure noise is minus the clean latents.
 */
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRows } from "../../src/data/joined-rows.js";
import { createNoiseSchedule } from "../../src/diffusion/schedule.js";
import { exportOnnx } from "../../src/graph/export.js";
import { concat, matmul, reduceMean, transpose } from "../../src/graph/operators/index.js";
import { input } from "../../src/graph/value.js";
import { FileWeights, Weights } from "../../src/graph/weights.js";
import { symmetricEigen } from "../../src/identity/symmetric-eigen.js";
import { projectFace } from "../../src/models/projection.js";
import { timeEmbedding } from "../../src/models/unet.js";
import { openModelFolder } from "../../src/pipeline/model-folder.js";
import { Session } from "../../src/runtime/session.js";
import { cacheFolder } from "../../src/tensor/cache-folder.js";
import { cast } from "../../src/tensor/convert.js";
import { readTensor, writeSafetensors } from "../../src/tensor/safetensors.js";
import { f32, type Tensor, tensor } from "../../src/tensor/tensor.js";

const [source, out, ...folders] = process.argv.slice(2);
if (source === undefined || out === undefined || folders.length === 0)
  throw new Error("usage: node --import tsx recipes/mini/fit-identity-map.ts MODEL OUT DATASET...");

/** Numbers of the map, and the regression's penalty as a share of the mean variance of a feature. */
const [rank, penalty] = [40, 1e-3];
/** Vectors of persons are at most as long as those of this share of the faces with the model's own prompt. */
const withinLimit = 0.99;
const batch = 128;

const model = await openModelFolder(source, cacheFolder());
const { prompt, embeddingSize } = model.manifest;
const features = model.encoder.config.hidden_size;
const recipe = JSON.parse(readFileSync(join(import.meta.dirname, "identity.json"), "utf8"));
const runOnce = async (session: Session, feeds: Record<string, Tensor>, name: string) =>
  (await session.run(feeds))[name] as Tensor<"f32">;

const meanToken = await encoderOf();
const pooled = { xx: new Float64Array(features * features), xy: new Float64Array(0), count: 0 };
/** What the face encoder says of the faces with the model's own prompt. */
const own: Float32Array[] = [];
let latentShape: readonly [number, number, number] = [0, 0, 0];
for (const [i, folder] of folders.entries()) {
  console.error(folder);
  await addDataset(folder, recipe.prompts[i] ?? prompt.tokens);
}
if (own.length === 0) throw new Error("no dataset has the model's own prompt");
const mean = new Float64Array(features);
for (const face of own) for (const [i, value] of face.entries()) mean[i]! += value / own.length;
const nobody = (await meanToken([prompt.unconditional], new Float32Array(embeddingSize))).data;

// Λ and Q of the features' covariance; M = Λ^½ (Λ + λ)^-1 Q^T (X^T Y / n): the regression, with features of unit variance.
const { values, vectors } = symmetricEigen(pooled.xx, features);
const ridge = (penalty * sumOf(values)) / features;
const outputs = pooled.xy.length / features;
const m = multiply(vectors, pooled.xy, features, features, outputs);
for (let i = 0; i < m.length; i++) {
  const value = Math.max(values[Math.floor(i / outputs)]!, 0);
  m[i]! *= Math.sqrt(value) / (value + ridge);
}
const { values: predicted, vectors: u } = symmetricEigen(multiplyTransposed(m, features, outputs), features);
const share = sumOf(predicted.subarray(0, rank)) / sumOf(predicted);
console.error(`rank ${rank} holds ${(100 * share).toFixed(1)} % of what the regression predicts`);
const up = multiply(u.subarray(0, rank * features), m, rank, features, outputs);
const scaled = vectors.map((value, i) => value / Math.sqrt(Math.max(values[Math.floor(i / features)]!, ridge * 1e-3)));
const down = multiply(u.subarray(0, rank * features), scaled, rank, features, features);
withoutDirection(
  down,
  nobody.map((value, i) => value - mean[i]!),
);

await save();
process.exit(0); // the networks' threads would go on

/** Mean token of the conditioning, for prompts and embeddings. */
async function encoderOf() {
  const tokens = input("tokens", "i64", ["batch", prompt.tokens.length]);
  const face = input("faceEmbedding", "f32", ["batch", embeddingSize]);
  const weights = new Weights(new FileWeights(model.encoder.weights));
  const conditioning = projectFace(weights, model.encoder.config, tokens, face, prompt.idToken);
  const session = await Session.load(
    exportOnnx({ inputs: [tokens, face], outputs: { person: reduceMean(conditioning, { axes: [1] }) } }),
  );
  return (prompts: readonly (readonly number[])[], faces: Float32Array) =>
    runOnce(
      session,
      {
        tokens: tensor("i64", [prompts.length, prompt.tokens.length], BigInt64Array.from(prompts.flat(), BigInt)),
        faceEmbedding: f32([prompts.length, embeddingSize], faces),
      },
      "person",
    );
}

/** Adds a dataset's products, about its own means, to the pooled ones. */
async function addDataset(folder: string, tokens: readonly number[]): Promise<void> {
  const rows = await openRows([folder]);
  if (!rows.index.latents) throw new Error(`${folder} holds no latents; run arc2face dataset encode`);
  latentShape = rows.index.latents.shape;
  const size = latentShape.reduce((product, side) => product * side);
  const products = await productsOf(size);
  const [xx, xy] = [new Float64Array(features ** 2), new Float64Array(features * size)];
  const [sumX, sumY] = [new Float64Array(features), new Float64Array(size)];
  for (let start = 0; start < rows.count; start += batch) {
    const indices = Array.from({ length: Math.min(batch, rows.count - start) }, (_, i) => start + i);
    const faces = await Promise.all(indices.map((row) => rows.readEmbedding(row)));
    const x = await meanToken(
      indices.map(() => tokens),
      Float32Array.from(faces.flatMap((face) => [...face])),
    );
    if (tokens.join() === prompt.tokens.join()) {
      for (let i = 0; i < x.data.length; i += features) own.push(x.data.slice(i, i + features));
    }
    for (const mirrored of [false, true]) {
      const latents = await Promise.all(indices.map((row) => rows.readLatents(row, mirrored)));
      const y = f32([indices.length, size], new Float32Array(indices.length * size));
      for (const [i, row] of latents.entries()) y.data.set(row, i * size);
      const found = await products.run({ x, y });
      addTo(xx, (found.xx as Tensor<"f32">).data);
      addTo(xy, (found.xy as Tensor<"f32">).data);
      for (const [i, value] of x.data.entries()) sumX[i % features]! += value;
      for (const [i, value] of y.data.entries()) sumY[i % size]! += value;
    }
  }
  const count = 2 * rows.count;
  for (let i = 0; i < xx.length; i++) xx[i]! -= (sumX[Math.floor(i / features)]! * sumX[i % features]!) / count;
  for (let i = 0; i < xy.length; i++) xy[i]! -= (sumX[Math.floor(i / size)]! * sumY[i % size]!) / count;
  // Means over all datasets so far.
  const total = pooled.count + count;
  pooled.xy = pooled.xy.length === 0 ? new Float64Array(xy.length) : pooled.xy;
  for (let i = 0; i < xx.length; i++) pooled.xx[i] = (pooled.xx[i]! * pooled.count + xx[i]!) / total;
  for (let i = 0; i < xy.length; i++) pooled.xy[i] = (pooled.xy[i]! * pooled.count + xy[i]!) / total;
  pooled.count = total;
  await Promise.all([rows.close(), products.release()]);
}

/** X^T X and X^T Y of a batch. */
function productsOf(size: number): Promise<Session> {
  const x = input("x", "f32", ["batch", features]);
  const y = input("y", "f32", ["batch", size]);
  const transposed = transpose(x, [1, 0]);
  return Session.load(
    exportOnnx({ inputs: [x, y], outputs: { xx: matmul(transposed, x), xy: matmul(transposed, y) } }),
  );
}

/** Weights of the timestep's embedding with which it gives minus the square of the noise level: bias last. */
async function fitWeight(): Promise<Float64Array> {
  const { noise } = model.scheduler;
  const { alphasCumprod, trainSteps } = createNoiseSchedule(noise);
  const timesteps = input("timesteps", "f32", ["batch"]);
  const unet = new Weights(new FileWeights(model.unet.weights));
  const embedded = timeEmbedding(unet.at("time_embedding"), model.unet.config, timesteps);
  const ones = input("ones", "f32", ["batch", 1]);
  const session = await Session.load(
    exportOnnx({ inputs: [timesteps, ones], outputs: { time: concat([embedded, ones], 1) } }),
  );
  const steps = Array.from({ length: trainSteps }, (_, t) => t);
  const time = await runOnce(
    session,
    {
      timesteps: f32([trainSteps], Float32Array.from(steps)),
      ones: f32([trainSteps, 1], new Float32Array(trainSteps).fill(1)),
    },
    "time",
  );
  await session.release();
  const width = time.shape[1] as number;
  const square = new Float64Array(width * width);
  const wanted = new Float64Array(width);
  for (const t of steps) {
    const row = time.data.subarray(t * width, (t + 1) * width);
    for (let i = 0; i < width; i++) {
      wanted[i]! -= row[i]! * (1 - alphasCumprod[t]!);
      for (let j = 0; j < width; j++) square[i * width + j]! += row[i]! * row[j]!;
    }
  }
  const eigen = symmetricEigen(square, width);
  const turned = multiply(eigen.vectors, wanted, width, width, 1).map((value, i) => value / (eigen.values[i]! + 1e-3));
  return multiply(turned, eigen.vectors, 1, width, width);
}

/** a b, for a [n, k] and b [k, m]. */
function multiply(a: Float64Array, b: Float64Array, n: number, k: number, m: number): Float64Array {
  const product = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    const row = product.subarray(i * m, (i + 1) * m);
    for (let j = 0; j < k; j++) {
      const factor = a[i * k + j]!;
      for (let c = 0; c < m; c++) row[c]! += factor * b[j * m + c]!;
    }
  }
  return product;
}

/** a a^T, for a [n, k]; its lower triangle. */
function multiplyTransposed(a: Float64Array, n: number, k: number): Float64Array {
  const product = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let c = 0; c < k; c++) sum += a[i * k + c]! * a[j * k + c]!;
      product[i * n + j] = sum;
    }
  }
  return product;
}

/** Takes a direction out of every row. */
function withoutDirection(matrix: Float64Array, direction: Float32Array): void {
  const square = direction.reduce((sum, value) => sum + value * value, 0);
  for (let start = 0; start < matrix.length; start += direction.length) {
    const along = direction.reduce((sum, value, i) => sum + value * matrix[start + i]!, 0) / square;
    for (const [i, value] of direction.entries()) matrix[start + i]! -= along * value;
  }
}

function sumOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function addTo(sum: Float64Array, values: Float32Array): void {
  for (const [i, value] of values.entries()) sum[i]! += value;
}

/** The limit that `withinLimit` describes, rounded. */
function longest(atMean: Float64Array): number {
  const lengths = own.map((face) => {
    const vector = multiply(down, Float64Array.from(face), rank, features, 1);
    return Math.hypot(...vector.map((value, i) => value - atMean[i]!));
  });
  lengths.sort((a, b) => a - b);
  return Number(lengths[Math.floor(withinLimit * lengths.length)]!.toPrecision(3));
}

async function save(): Promise<void> {
  const [, height, width] = latentShape;
  const weight = await fitWeight();
  const atMean = multiply(down, mean, rank, features, 1);
  const limit = longest(atMean);
  const fitted: [string, number[], ArrayLike<number>][] = [
    ["down.weight", [rank, features], down],
    ["down.bias", [rank], atMean.map((value) => -value)],
    ["up.weight", [outputs, rank], transposeOf(up, rank, outputs)],
    ["up.bias", [outputs], new Float64Array(outputs)],
    ["weight.weight", [1, weight.length - 1], weight.subarray(0, -1)],
    ["weight.bias", [1], weight.subarray(-1)],
  ];
  const partial = `${out}.partial`;
  rmSync(partial, { recursive: true, force: true });
  cpSync(source!, partial, { recursive: true });
  const { weights } = model.unet;
  const file = join(partial, weights.path.slice(model.path.length));
  const kept = [...weights.entries].filter(([name]) => !name.startsWith("identity_map."));
  await writeSafetensors(
    file,
    [
      ...kept.map(
        ([name, { dtype, shape }]) => [name, { dtype, shape, read: () => readTensor(weights, name) }] as const,
      ),
      ...fitted.map(([name, shape, values]) => {
        const value = cast(f32(shape, Float32Array.from(values)), "f16");
        return [`identity_map.${name}`, { dtype: value.dtype, shape, read: async () => value }] as const;
      }),
    ],
    { metadata: { format: "pt" } },
  );
  const config = join(file, "../config.json");
  const json = { ...JSON.parse(readFileSync(config, "utf8")), identity_map: { rank, limit, height, width } };
  writeFileSync(config, `${JSON.stringify(json, null, 2)}\n`);
  rmSync(out!, { recursive: true, force: true });
  renameSync(partial, out!);
}

function transposeOf(matrix: Float64Array, rows: number, columns: number): Float64Array {
  return Float64Array.from({ length: matrix.length }, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}
