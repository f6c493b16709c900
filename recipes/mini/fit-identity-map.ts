/**
 * Gives a model an identity map (`src/models/identity-map.ts`) and squares of the face embedding (`squaredIdentity` in
 * `src/models/face-encoder.ts`), or new ones, without training.
 *
 *     node --import tsx recipes/mini/fit-identity-map.ts MODEL OUT DATASET...
 *
 * Kernel ridge regression predicts the latents of the datasets that have the model's own prompt, each relative to its own mean, from
 * face embeddings; its first 40 principal components are what the map is of. What the face encoder says of a face and
 * the squares then give these components by linear regression, for the faces of all datasets and such as lie between and around
 * them: the regression itself knows only a few thousand faces, but can be asked about any.
 *
 * The map is 0 for nobody, so that guidance strengthens it, and nearly so for the mean face. Its weight is minus the square of the noise
 * level: the velocity of pure noise is minus the clean latents.
 */
import { cpSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openRows } from "../../src/data/joined-rows.js";
import { createNoiseSchedule } from "../../src/diffusion/schedule.js";
import { exportOnnx } from "../../src/graph/export.js";
import { concat, reduceMean } from "../../src/graph/operators/index.js";
import { input } from "../../src/graph/value.js";
import { FileWeights, Weights } from "../../src/graph/weights.js";
import { symmetricEigen } from "../../src/identity/symmetric-eigen.js";
import { projectFace } from "../../src/models/projection.js";
import { timeEmbedding } from "../../src/models/unet.js";
import { openModelFolder } from "../../src/pipeline/model-folder.js";
import { Session } from "../../src/runtime/session.js";
import { cacheFolder } from "../../src/tensor/cache-folder.js";
import { TorchGenerator } from "../../src/tensor/random.js";
import { f32, type Tensor, tensor } from "../../src/tensor/tensor.js";
import { fitKernelRidge, type KernelRidge } from "./kernel-ridge.js";
import { addTo, multiply, rows, solveSymmetric, transposeOf, unit } from "./matrices.js";
import { Products } from "./products.js";
import { replaceTensors } from "./replace-tensors.js";
import { unreadDirections } from "./unread-directions.js";

const [source, out, ...folders] = process.argv.slice(2);
if (source === undefined || out === undefined || folders.length === 0)
  throw new Error("usage: node --import tsx recipes/mini/fit-identity-map.ts MODEL OUT DATASET...");

/** Numbers of the map, squares, and the linear regression's penalty as a share of the mean variance of a feature. */
const [rank, squares, penalty] = [40, 256, 1e-3];
/** Penalty of the kernel regression. */
const kernelPenalty = 3;
/** Vectors of persons are at most as long as those of this share of the faces with the model's own prompt. */
const withinLimit = 0.99;
/** Root mean square of the second layer's weights for the squares. */
const usualWeight = 0.02;
/** Faces that the linear regression sees at a time, how often, and as how many of them nobody counts. */
const [batch, batches, weightOfNobody] = [1024, 24, 2500];

const model = await openModelFolder(source, cacheFolder());
if (model.encoder.config.model_type === "face_mlp") throw new Error(`${source} has no face encoder`);
const { identity_squares: _, ...encoderConfig } = model.encoder.config;
const { prompt, embeddingSize } = model.manifest;
const features = encoderConfig.hidden_size;
const recipe = JSON.parse(readFileSync(join(import.meta.dirname, "identity.json"), "utf8"));
const prompts: (readonly number[])[] = folders.map((_, i) => recipe.prompts[i] ?? prompt.tokens);
const isOwn = (tokens: readonly number[]) => tokens.join() === prompt.tokens.join();

const meanToken = await encoderOf();
const products = await Products.load();
const faces: { readonly embedding: Float32Array; readonly tokens: readonly number[] }[] = [];
const latents: Float32Array[] = [];
let latentShape: readonly number[] = [];
for (const [i, folder] of folders.entries()) await addDataset(folder, prompts[i]!);
const own = faces.filter(({ tokens }) => isOwn(tokens));
if (own.length === 0) throw new Error("no dataset has the model's own prompt");
console.error(`regression of the latents of ${own.length} faces`);
const ridge = await fitKernelRidge(products, rows(own.map(({ embedding }) => embedding)), rows(latents), {
  rank,
  penalty: kernelPenalty,
});
const predict = await predictorOf(ridge);
const projections = await mostUsefulProjections(ridge, squares);
console.error(`linear regression, ${batches} times ${batch} faces`);
const { down, up } = await fitFeatures();
await save();
process.exit(0); // the networks' threads would go on

/** Mean token of the conditioning without squares, for prompts and embeddings. */
async function encoderOf() {
  const tokens = input("tokens", "i64", ["batch", prompt.tokens.length]);
  const face = input("faceEmbedding", "f32", ["batch", embeddingSize]);
  const weights = new Weights(new FileWeights(model.encoder.weights));
  const conditioning = projectFace(weights, encoderConfig, tokens, face, prompt.idToken);
  const session = await Session.load(
    exportOnnx({ inputs: [tokens, face], outputs: { person: reduceMean(conditioning, { axes: [1] }) } }),
  );
  return async (prompts: readonly (readonly number[])[], faceEmbedding: Tensor<"f32">) => {
    const tokens = tensor("i64", [prompts.length, prompt.tokens.length], BigInt64Array.from(prompts.flat(), BigInt));
    return (await session.run({ tokens, faceEmbedding })).person as Tensor<"f32">;
  };
}

async function predictorOf(ridge: KernelRidge) {
  const embeddings = input("embeddings", "f32", ["batch", embeddingSize]);
  const session = await Session.load(
    exportOnnx({ inputs: [embeddings], outputs: { components: ridge.predict(embeddings) } }),
  );
  return async (of: Tensor<"f32">) => (await session.run({ embeddings: of })).components as Tensor<"f32">;
}

/** Adds a dataset's faces, and the latents of those with the model's own prompt, relative to their mean. */
async function addDataset(folder: string, tokens: readonly number[]): Promise<void> {
  const dataset = await openRows([folder]);
  if (!dataset.index.latents) throw new Error(`${folder} holds no latents; run arc2face dataset encode`);
  latentShape = dataset.index.latents.shape;
  const sides = dataset.index.latents.mirrored ? [false, true] : [false];
  const first = latents.length;
  for (let row = 0; row < dataset.count; row++) {
    faces.push({ embedding: await dataset.readEmbedding(row), tokens });
    if (!isOwn(tokens)) continue;
    const [image, mirrored] = await Promise.all(sides.map((side) => dataset.readLatents(row, side)));
    latents.push(mirrored ? image!.map((value, i) => (value + mirrored[i]!) / 2) : image!);
  }
  await dataset.close();
  const added = latents.slice(first);
  if (added.length === 0) return;
  const mean = new Float64Array(added[0]!.length);
  for (const row of added) for (let i = 0; i < row.length; i++) mean[i]! += row[i]! / added.length;
  for (const row of added) for (let i = 0; i < row.length; i++) row[i]! -= mean[i]!;
}

/** The eigenvectors of the quadratic forms that matter most, of length √E: [count, E]. */
async function mostUsefulProjections(regression: KernelRidge, count: number): Promise<Tensor<"f32">> {
  const found: { readonly value: number; readonly vector: Float64Array }[] = [];
  for await (const form of regression.quadraticForms()) {
    const { values, vectors } = symmetricEigen(form, embeddingSize);
    for (const [i, value] of values.entries()) {
      found.push({ value: Math.abs(value), vector: vectors.subarray(i * embeddingSize, (i + 1) * embeddingSize) });
    }
  }
  found.sort((a, b) => b.value - a.value);
  return rows(
    found.slice(0, count).map(({ vector }) => Float32Array.from(vector, (x) => x * Math.sqrt(embeddingSize))),
  );
}

/** Linear regression of the components on the mean token and the squares. */
async function fitFeatures() {
  const rng = new TorchGenerator(0);
  const width = features + squares + 1;
  const [xx, xy] = [new Float64Array(width * width), new Float64Array(width * rank)];
  const add = async (x: Tensor<"f32">, y: Tensor<"f32">, weight: number) => {
    addTo(xx, (await products.ofTransposed(x, x)).data, weight);
    addTo(xy, (await products.ofTransposed(x, y)).data, weight);
  };
  for (let i = 0; i < batches; i++) {
    const chosen = rng.randint(0, faces.length, [batch]).data;
    const drawn = i % 2 === 0 ? rows(Array.from(chosen, (at) => faces[Number(at)]!.embedding)) : drawAround(rng);
    const tokens = Array.from(chosen, (at) => faces[Number(at)]!.tokens);
    await add(await featuresOf(tokens, drawn), await predict(drawn), 1);
  }
  const nobody = await featuresOf([prompt.unconditional], f32([1, embeddingSize], new Float32Array(embeddingSize)));
  const moments = xx.slice();
  await add(nobody, f32([1, rank], new Float32Array(rank)), weightOfNobody);
  addPenalty(xx, width);
  const solution = solveSymmetric(xx, width, xy, rank);
  const part = (from: number, to: number) => transposeOf(solution.subarray(from * rank, to * rank), rank);
  const [token, square] = [part(0, features), part(features, features + squares)];
  const beside = await besideMap(token, square, moments);
  const weight = throughMap(token, square).map((value, i) => value + beside[i]!);
  const mean = new Float64Array(squares);
  const known = rows(own.map(({ embedding }) => embedding));
  const projected = await products.withTransposed(known, projections);
  for (const [i, value] of projected.data.entries()) mean[i % squares]! += value ** 2 / own.length;
  const atNobody = multiply(token, Float64Array.from(nobody.data.subarray(0, features)), rank, features, 1);
  return {
    down: { weight: token, bias: atNobody.map((value) => -value) },
    up: { weight, bias: multiply(weight, mean, features, squares, 1).map((value) => -value) },
  };
}

/**
 * The squares join every token, so they reach the map through its own first layer: the shortest weights that do there what the
 * regression says. [features, squares]
 */
function throughMap(token: Float64Array, square: Float64Array): Float64Array {
  const turned = transposeOf(token, features);
  const within = multiply(token, turned, rank, features, rank);
  return multiply(turned, solveSymmetric(within, rank, square, squares), features, rank, squares);
}

/**
 * For cross-attention to learn from: the same in directions that the map does not read, as spread as the mean token is.
 * [features, squares]
 * @param moments X^T X of the features, the last of which is 1
 */
async function besideMap(token: Float64Array, square: Float64Array, moments: Float64Array): Promise<Float64Array> {
  const width = features + squares + 1;
  const count = moments[width * width - 1]!;
  const mean = (i: number) => moments[i * width + width - 1]! / count;
  const covariance = (i: number, j: number) => moments[i * width + j]! / count - mean(i) * mean(j);
  let [ofToken, ofSquares] = [0, 0];
  for (let i = 0; i < features; i++) ofToken += covariance(i, i);
  for (let i = 0; i < squares; i++) {
    for (let j = 0; j < squares; j++) {
      let product = 0;
      for (let k = 0; k < rank; k++) product += square[k * squares + i]! * square[k * squares + j]!;
      ofSquares += product * covariance(features + i, features + j);
    }
  }
  const directions = await unreadDirections(model.unet.weights, f32([rank, features], token), rank, products);
  const factor = Math.sqrt(ofToken / ofSquares);
  return multiply(transposeOf(directions, features), square, features, rank, squares).map((value) => factor * value);
}

/** Mean token, squares and 1: [N, features + squares + 1]. */
async function featuresOf(tokens: readonly (readonly number[])[], embeddings: Tensor<"f32">): Promise<Tensor<"f32">> {
  const person = await meanToken(tokens, embeddings);
  const projected = await products.withTransposed(embeddings, projections);
  const width = features + squares + 1;
  const result = new Float32Array(tokens.length * width);
  for (let i = 0; i < tokens.length; i++) {
    result.set(person.data.subarray(i * features, (i + 1) * features), i * width);
    const squared = projected.data.subarray(i * squares, (i + 1) * squares).map((value) => value ** 2);
    result.set(squared, i * width + features);
    result[(i + 1) * width - 1] = 1;
  }
  return f32([tokens.length, width], result);
}

/** Faces with more or less of up to two others, and noise: [batch, E] of unit norm. */
function drawAround(rng: TorchGenerator): Tensor<"f32"> {
  const uniform = rng.rand([batch, 5]).data;
  const who = rng.randint(0, faces.length, [batch, 3]).data;
  const noise = rng.randn([batch, embeddingSize]).data;
  return rows(
    Array.from({ length: batch }, (_, i) => {
      const [first, second, isTwo, isThree, share] = uniform.subarray(i * 5, (i + 1) * 5) as unknown as number[];
      const factors = [1, isTwo! < 0.7 ? first! ** 2 : 0, isThree! < 0.5 ? 0.7 * second! ** 2 : 0];
      const three = factors.map((_, k) => faces[Number(who[3 * i + k])]!.embedding);
      const mixed = unit(three[0]!.map((_, j) => factors.reduce((sum, f, k) => sum + f * three[k]![j]!, 0)));
      const moved = (value: number, j: number) =>
        value + (0.7 * share! * noise[i * embeddingSize + j]!) / Math.sqrt(embeddingSize);
      return unit(mixed.map(moved));
    }),
  );
}
/** Adds the penalty of tokens and of squares to the diagonal of X^T X, whose last row is of the constant. */
function addPenalty(xx: Float64Array, width: number): void {
  const last = width - 1;
  const count = xx[width * width - 1]!;
  const variance = (i: number) => xx[i * (width + 1)]! / count - (xx[last * width + i]! / count) ** 2;
  for (const [from, to] of [
    [0, features],
    [features, last],
  ] as const) {
    let mean = 0;
    for (let i = from; i < to; i++) mean += variance(i) / (to - from);
    for (let i = from; i < to; i++) xx[i * (width + 1)]! += penalty * mean * count;
  }
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
  const feeds = {
    timesteps: f32([trainSteps], steps),
    ones: f32([trainSteps, 1], new Float32Array(trainSteps).fill(1)),
  };
  const time = (await session.run(feeds)).time as Tensor<"f32">;
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
  for (let i = 0; i < width; i++) square[i * (width + 1)]! += 1e-3;
  return solveSymmetric(square, width, wanted, 1);
}

/** The limit that `withinLimit` describes, rounded. */
async function longest(): Promise<number> {
  const lengths: number[] = [];
  const inMap = multiply(down.weight, up.weight, rank, features, squares);
  const constant = multiply(down.weight, up.bias, rank, features, 1).map((value, i) => value + down.bias[i]!);
  for (let start = 0; start < own.length; start += batch) {
    const some = own.slice(start, start + batch);
    const of = await featuresOf(
      some.map(({ tokens }) => tokens),
      rows(some.map(({ embedding }) => embedding)),
    );
    for (let i = 0; i < some.length; i++) {
      const row = Float64Array.from(of.data.subarray(i * (features + squares + 1), (i + 1) * (features + squares + 1)));
      const [fromToken, fromSquares] = [
        multiply(down.weight, row.subarray(0, features), rank, features, 1),
        multiply(inMap, row.subarray(features, -1), rank, squares, 1),
      ];
      lengths.push(Math.hypot(...fromToken.map((value, k) => value + fromSquares[k]! + constant[k]!)));
    }
  }
  lengths.sort((a, b) => a - b);
  return Number(lengths[Math.floor(withinLimit * lengths.length)]!.toPrecision(3));
}

async function save(): Promise<void> {
  const [, height, width] = latentShape;
  const [outputs, limit, weight] = [ridge.basis.shape[1]!, await longest(), await fitWeight()];
  // The optimizer's steps are alike for all weights: much smaller ones than usual would be noise after a few.
  const balance = Math.sqrt(up.weight.reduce((sum, value) => sum + value ** 2, 0) / up.weight.length) / usualWeight;
  const partial = `${out}.partial`;
  rmSync(partial, { recursive: true, force: true });
  cpSync(source!, partial, { recursive: true });
  await replaceTensors(partial, model.path, model.unet.weights, "identity_map", { rank, limit, height, width }, [
    ["down.weight", [rank, features], down.weight],
    ["down.bias", [rank], down.bias],
    ["up.weight", [outputs, rank], transposeOf(ridge.basis.data, outputs)],
    ["up.bias", [outputs], new Float64Array(outputs)],
    ["weight.weight", [1, weight.length - 1], weight.subarray(0, -1)],
    ["weight.bias", [1], weight.subarray(-1)],
  ]);
  await replaceTensors(partial, model.path, model.encoder.weights, "identity_squares", squares, [
    ["down.weight", [squares, embeddingSize], projections.data.map((value) => value * Math.sqrt(balance))],
    ["up.weight", [features, squares], up.weight.map((value) => value / balance)],
    ["up.bias", [features], up.bias],
  ]);
  rmSync(out!, { recursive: true, force: true });
  renameSync(partial, out!);
}
