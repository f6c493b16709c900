import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { exportOnnx } from "../src/graph/export.js";
import type { OnnxModel } from "../src/graph/onnx-model.js";
import { matmul } from "../src/graph/operators/index.js";
import { constant, input } from "../src/graph/value.js";
import type { WeightSource } from "../src/graph/weights.js";
import { decoderModel, encoderModel, unetModel } from "../src/pipeline/graphs.js";
import { openModelFolder } from "../src/pipeline/model-folder.js";
import { peakResidentBytes } from "../src/runtime/memory.js";
import { Session } from "../src/runtime/session.js";
import { cast } from "../src/tensor/convert.js";
import { TorchGenerator } from "../src/tensor/random.js";
import { openSafetensors, readTensor } from "../src/tensor/safetensors.js";
import { type Tensor, tensor } from "../src/tensor/tensor.js";
import { countFlops } from "./flops.js";
import { runPeer } from "./peer.js";

export interface BenchOptions {
  readonly model: string;
  /** Interpreter with reference/requirements.txt installed. */
  readonly python: string;
  readonly runs: number;
  readonly threads: number | undefined;
}

type Feeds = Record<string, Tensor>;

const network = z.object({ seconds: z.number(), layout: z.string() });
const peerSchema = z.object({
  engine: z.string(),
  load_s: z.number(),
  text_encoder: network,
  unet_batch_1: network,
  unet_batch_2: network,
  vae_decode_512: network,
  peak_rss_mib: z.number(),
});

/** The full-size networks at 512x512: times, loading, memory, operators; beside diffusers on the same weights. */
export async function benchFull({
  model,
  python,
  runs,
  threads = availableParallelism(),
}: BenchOptions): Promise<void> {
  const cache = await mkdtemp(join(tmpdir(), "arc2face-bench-"));
  process.env.ARC2FACE_CACHE = cache;
  try {
    const folder = await openModelFolder(resolve(model), cache);
    const none = (weights: WeightSource) => weights;
    const unet = unetModel(folder, none, 64, 64);
    const generator = new TorchGenerator(0);
    const unetFeeds = (batch: number): Feeds => ({
      latents: generator.randn([batch, 4, 64, 64]),
      timesteps: tensor("f32", [batch], new Float32Array(batch).fill(601)),
      conditioning: generator.randn([batch, 77, 768]),
    });

    const cold = await loadAndRelease(unet, threads);
    const session = await Session.load(unet, { threads });
    const warm = session.stats.loadMs;
    const rateBefore = await matmulRate(threads);
    const ours = {
      unet_batch_1: await seconds(session, unetFeeds(1), runs),
      unet_batch_2: await seconds(session, unetFeeds(2), runs),
      text_encoder: await timeModel(encoderModel(folder, none), threads, runs, {
        tokens: tensor("i64", [1, 77], BigInt64Array.from(folder.manifest.prompt.tokens, BigInt)),
        faceEmbedding: generator.randn([1, 512]),
      }),
      vae_decode_512: await timeModel(decoderModel(folder, 64, 64), threads, runs, {
        latents: generator.randn([1, 4, 64, 64]),
      }),
    };
    const rate = Math.max(rateBefore, await matmulRate(threads));
    const error = await parityError(session, join(folder.path, "parity_full.safetensors"));
    const peak = peakResidentBytes();
    await session.release();

    const peer = peerSchema
      .optional()
      .parse(
        await runPeer(python, "reference/bench_full.py", [resolve(model), `--threads=${threads}`, `--runs=${runs}`]),
      );

    console.log(`threads ${threads}, MatMul 1024x1280x1280 ${(rate / 1e9).toFixed(0)} GFLOP/s`);
    const flops = countFlops(unet, { latents: [1, 4, 64, 64], timesteps: [1], conditioning: [1, 77, 768] });
    const share = flops / ours.unet_batch_1 / rate;
    console.log(`UNet: ${(flops / 1e9).toFixed(0)} GFLOP, ${(100 * share).toFixed(0)} % of the MatMul rate`);
    for (const [name, time] of Object.entries(ours)) {
      const other = peer?.[name as keyof typeof ours].seconds;
      const ratio = other ? `, ${peer.engine} ${other.toFixed(3)} s, ratio ${(time / other).toFixed(2)}` : "";
      console.log(`${name}: ${time.toFixed(3)} s${ratio}`);
    }
    if (error !== undefined) console.log(`UNet against diffusers: relative error ${error.toExponential(1)}`);
    console.log(`UNet load: cold ${(cold / 1e3).toFixed(1)} s, warm ${(warm / 1e3).toFixed(1)} s`);
    const weights = weightBytes(folder);
    console.log(
      `peak memory ${(peak / 2 ** 20).toFixed(0)} MiB, ${(peak / weights).toFixed(2)} of the fp32 weights` +
        (peer ? `; ${peer.engine} ${peer.peak_rss_mib} MiB, load ${peer.load_s} s` : ""),
    );
    await printOperators(unet, unetFeeds(1), threads);
    if (!peer) console.log(`(no peer: ${python} is not there; see reference/README.md)`);
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

async function loadAndRelease(model: OnnxModel, threads: number): Promise<number> {
  const session = await Session.load(model, { threads });
  await session.release();
  return session.stats.loadMs;
}

async function timeModel(model: OnnxModel, threads: number, runs: number, feeds: Feeds): Promise<number> {
  const session = await Session.load(model, { threads });
  const time = await seconds(session, feeds, runs);
  await session.release();
  return time;
}

/** Largest error of one evaluation against the reference that full_size.py keeps, relative to its largest magnitude. */
async function parityError(session: Session, path: string): Promise<number | undefined> {
  const file = await openSafetensors(path).catch(() => undefined);
  if (!file) return undefined;
  const [latents, timestep, conditioning, expected] = await Promise.all(
    ["latents", "timestep", "conditioning", "out"].map((name) => readTensor(file, name)),
  );
  const timesteps = reshaped(cast(timestep as Tensor, "f32"), [1]);
  const { prediction } = await session.run({ latents, timesteps, conditioning } as Feeds);
  const difference = (expected as Tensor<"f32">).data.map((value, i) => Math.abs(value - Number(prediction?.data[i])));
  return Math.max(...difference) / Math.max(...(expected as Tensor<"f32">).data.map(Math.abs));
}

const reshaped = (t: Tensor, shape: readonly number[]): Tensor => tensor(t.dtype, shape, t.data);

/** The fastest run in seconds, being the least disturbed one, after one that is not counted. */
async function seconds(session: Session, feeds: Feeds, runs: number): Promise<number> {
  await session.run(feeds);
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    await session.run(feeds);
    times.push(session.stats.lastRunMs / 1e3);
  }
  return Math.min(...times);
}

/** What this machine reaches in a plain matrix product, in FLOP/s: the best of ten. */
async function matmulRate(threads: number): Promise<number> {
  const a = input("a", "f32", [1024, 1280]);
  const product = matmul(a, constant(new TorchGenerator(1).randn([1280, 1280])));
  const session = await Session.load(exportOnnx({ inputs: [a], outputs: { product } }), {
    threads,
    compileCache: false,
  });
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10; i++) {
    await session.run({ a: new TorchGenerator(2).randn([1024, 1280]) });
    best = Math.min(best, session.stats.lastRunMs / 1e3);
  }
  await session.release();
  return (2 * 1024 * 1280 * 1280) / best;
}

async function printOperators(model: OnnxModel, feeds: Feeds, threads: number): Promise<void> {
  const session = await Session.load(model, { threads, profile: true });
  await session.run(feeds);
  const operators = await session.endProfile();
  await session.release();
  console.log("UNet by operator:");
  for (const { operator, ms, share, count } of operators.slice(0, 12)) {
    console.log(
      `  ${operator.padEnd(28)} ${ms.toFixed(0).padStart(7)} ms ${(100 * share).toFixed(1).padStart(5)} % ${count} calls`,
    );
  }
}

/** Bytes of all weights as float32. */
function weightBytes({ unet, encoder, autoencoder }: Awaited<ReturnType<typeof openModelFolder>>): number {
  const entries = [unet, encoder, autoencoder].flatMap(({ weights }) => [...weights.entries.values()]);
  return entries.reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0);
}
