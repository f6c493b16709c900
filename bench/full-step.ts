import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { input } from "../src/graph/value.js";
import { projectFace } from "../src/models/projection.js";
import { unet } from "../src/models/unet.js";
import { openModelFolder } from "../src/pipeline/model-folder.js";
import { peakResidentBytes } from "../src/runtime/memory.js";
import { cast } from "../src/tensor/convert.js";
import { TorchGenerator } from "../src/tensor/random.js";
import { openSafetensors, readTensor } from "../src/tensor/safetensors.js";
import { elementCount, f32, type Shape, type Tensor } from "../src/tensor/tensor.js";
import { denoisingLoss } from "../src/train/losses.js";
import { slotName } from "../src/train/optimizer.js";
import { StagedStep } from "../src/train/staged-step.js";
import { FileStore } from "../src/train/state-store.js";
import { TrainableWeights } from "../src/train/weights.js";
import type { BenchOptions } from "./full.js";

const betas = [0.9, 0.999] as const;

/**
 * Optimization steps of the full-size UNet and face encoder at 512x512, batch 1, state on disk; beside what
 * reference/full_step.py wrote into the model's folder.
 */
export async function benchFullStep({ model, runs, threads = availableParallelism() }: BenchOptions): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), "arc2face-bench-"));
  try {
    const folder = await openModelFolder(resolve(model), scratch);
    const reference = await openSafetensors(join(folder.path, "step_full.safetensors"));
    const weights = new TrainableWeights({ rules: [], weightDecay: 0.01, generator: new TorchGenerator(0) });
    const inputs = {
      latents: input("latents", "f32", [1, 4, 64, 64]),
      target: input("target", "f32", [1, 4, 64, 64]),
      timesteps: input("timesteps", "f32", [1]),
      lossWeights: input("lossWeights", "f32", [1]),
      tokens: input("tokens", "i64", [1, folder.manifest.prompt.tokens.length]),
      faceEmbedding: input("faceEmbedding", "f32", [1, folder.manifest.embeddingSize]),
    };
    const conditioning = projectFace(
      weights.network("encoder", folder.encoder.weights),
      folder.encoder.config,
      inputs.tokens,
      inputs.faceEmbedding,
      folder.manifest.prompt.idToken,
    );
    const denoiser = weights.network("unet", folder.unet.weights);
    const prediction = unet(denoiser, folder.unet.config, inputs.latents, inputs.timesteps, conditioning);
    const { loss } = denoisingLoss(prediction, inputs.target, inputs.lossWeights);
    const parameters = [...weights.parameters.values()];
    const count = parameters.reduce((sum, { value }) => sum + elementCount(value.shape as Shape), 0);
    const feeds: Record<string, Tensor> = { lossWeights: f32([1], [1]) };
    for (const name of ["latents", "target", "timesteps", "tokens", "faceEmbedding"]) {
      feeds[name] = await readTensor(reference, name);
    }

    const start = performance.now();
    const step = await StagedStep.load(
      { inputs: Object.values(inputs), loss, metrics: {} },
      parameters,
      async (name) => weights.parameters.get(name)?.initial(),
      {
        optimizer: { betas, epsilon: 1e-8 },
        ema: false,
        accumulate: 1,
        threads,
        openStore: (lengths) => FileStore.open(join(scratch, "state"), lengths),
      },
    );
    console.log(`${(count / 1e6).toFixed(0)} M parameters, ready in ${seconds(performance.now() - start)} s`);
    const number = async (name: string) => Number(cast(await readTensor(reference, name), "f32").data[0]);
    for (let update = 1; update <= runs; update++) {
      const [began, runMs] = [performance.now(), step.runMs];
      const result = await step.run([feeds], { update, learningRate: 1e-6, emaDecay: 0 });
      const elapsedMs = performance.now() - began;
      console.log(
        `step ${update}: ${seconds(elapsedMs)} s, ${seconds(step.runMs - runMs)} s of it in sessions; ` +
          `loss ${result.loss.toPrecision(7)}, gradient norm ${result.gradientNorm.toPrecision(7)}; ` +
          `peak ${(peakResidentBytes() / 2 ** 30).toFixed(2)} GiB`,
      );
      if (update > 1) continue;
      const difference = async (name: string, value: number) => Math.abs(value / (await number(name)) - 1);
      console.log(
        `relative difference to PyTorch: loss ${(await difference("loss", result.loss)).toExponential(1)}, ` +
          `gradient norm ${(await difference("gradientNorm", result.gradientNorm)).toExponential(1)}`,
      );
      // After one step the first moment is a tenth of the gradient.
      const read = await step.reader();
      let worst = { path: "", difference: 0 };
      for (const { path } of parameters) {
        const { data } = await read(slotName.moment1(path));
        let squares = 0;
        for (const value of data) squares += value * value;
        const norm = Math.sqrt(squares) / (1 - betas[0]);
        // Some have no effect on the loss, such as biases of keys: there, everything is rounding.
        if (norm < 1e-4 * result.gradientNorm) continue;
        const found = await difference(`norm/${path.replace(".text_model.", ".")}`, norm);
        if (found > worst.difference) worst = { path, difference: found };
      }
      console.log(`largest for one parameter: ${worst.difference.toExponential(1)} (${worst.path})`);
    }
    console.log(
      `PyTorch without optimizer: ${(await number("seconds")).toFixed(1)} s, ` +
        `peak ${((await number("peakBytes")) / 2 ** 30).toFixed(2)} GiB`,
    );
    await step.release();
  } finally {
    await rm(scratch, { recursive: true });
  }
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1);
