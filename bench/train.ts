import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { z } from "zod";
import { input } from "../src/graph/value.js";
import { unet } from "../src/models/unet.js";
import { parseUNetConfig } from "../src/models/unet-config.js";
import { TorchGenerator } from "../src/tensor/random.js";
import { elementCount, f32 } from "../src/tensor/tensor.js";
import { denoisingLoss } from "../src/train/losses.js";
import { TrainStep } from "../src/train/step.js";
import { TrainableWeights } from "../src/train/weights.js";
import type { BenchOptions } from "./full.js";
import { runPeer } from "./peer.js";

const configPath = "bench/train-unet.json";
const batch = 32;
/** Steps of one timing. */
const steps = 5;

const peerSchema = z.object({ engine: z.string(), parameters: z.number(), images_per_second: z.number() });

/** Images per second in training a small UNet (16x16 latents, batch 32), beside PyTorch with the same network. */
export async function benchTrain({ python, runs, threads = availableParallelism() }: BenchOptions): Promise<void> {
  const config = parseUNetConfig(JSON.parse(await readFile(configPath, "utf8")), configPath);
  const generator = new TorchGenerator(0);
  const weights = new TrainableWeights({ rules: [], weightDecay: 0.01, generator });
  const latents = input("latents", "f32", [batch, 8, 16, 16]);
  const target = input("target", "f32", [batch, 8, 16, 16]);
  const timesteps = input("timesteps", "f32", [batch]);
  const conditioning = input("conditioning", "f32", [batch, 8, 256]);
  const prediction = unet(weights.network("unet"), config, latents, timesteps, conditioning);
  const ones = input("weights", "f32", [batch]);
  const { loss } = denoisingLoss(prediction, target, ones);
  const parameters = [...weights.parameters.values()];
  const count = parameters.reduce((sum, { value }) => sum + elementCount(value.shape as number[]), 0);

  const step = await TrainStep.load(
    { inputs: [latents, target, timesteps, conditioning, ones], loss, metrics: {} },
    parameters,
    async (name) => weights.parameters.get(name)?.initial(),
    { optimizer: { betas: [0.9, 0.999], epsilon: 1e-8, clipNorm: 1 }, ema: true, accumulate: 1, threads },
  );
  const feeds = {
    latents: generator.randn([batch, 8, 16, 16]),
    target: generator.randn([batch, 8, 16, 16]),
    timesteps: f32(
      [batch],
      Array.from({ length: batch }, (_, i) => 31 * i),
    ),
    conditioning: generator.randn([batch, 8, 256]),
    weights: f32([batch], Array<number>(batch).fill(1)),
  };
  let update = 0;
  const train = () => step.run([feeds], { update: ++update, learningRate: 1e-4, emaDecay: 0.999 });
  const time = async () => {
    const [start, before] = [performance.now(), step.runMs];
    for (let i = 0; i < steps; i++) await train();
    const elapsedMs = performance.now() - start;
    return { rate: (1000 * steps * batch) / elapsedMs, outside: 1 - (step.runMs - before) / elapsedMs };
  };
  await train();

  // In turn, so that both meet the same disturbances; the best of each counts.
  const ours = [];
  const theirs = [];
  for (let i = 0; i < runs; i++) {
    ours.push(await time());
    const peer = await runPeer(python, "reference/bench_train.py", [
      configPath,
      `--threads=${threads}`,
      `--steps=${steps}`,
    ]);
    if (peer !== undefined) theirs.push(peerSchema.parse(peer));
  }
  const best = ours.reduce((a, b) => (a.rate > b.rate ? a : b));
  console.log(`UNet of ${(count / 1e6).toFixed(1)} M parameters, batch ${batch}, threads ${threads}`);
  console.log(`${best.rate.toFixed(1)} images/s, ${(100 * best.outside).toFixed(1)} % of the time outside session.run`);
  const peer = theirs.reduce<(typeof theirs)[number] | undefined>(
    (a, b) => (a && a.images_per_second > b.images_per_second ? a : b),
    undefined,
  );
  if (peer) {
    const ratio = (best.rate / peer.images_per_second).toFixed(2);
    console.log(
      `${peer.engine} ${peer.images_per_second.toFixed(1)} images/s (${(peer.parameters / 1e6).toFixed(1)} M), ratio ${ratio}`,
    );
  } else console.log(`(no peer: ${python} is not there; see reference/README.md)`);
  await step.release();
}
