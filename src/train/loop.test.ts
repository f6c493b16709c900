import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixture } from "../../test/support/fixtures.js";
import { tinyAutoencoder, tinyRecipe, writeDataset } from "../../test/support/training.js";
import { Dataset } from "../data/dataset.js";
import { DivergenceError, InputError } from "../errors.js";
import { Arc2Face } from "../pipeline/arc2face.js";
import { openSafetensors, readTensor } from "../tensor/safetensors.js";
import type { FrozenAutoencoder } from "./diffusion-networks.js";
import { type TrainOptions, trainBase } from "./methods.js";

const folder = mkdtempSync(join(tmpdir(), "arc2face-train-"));
const data = join(folder, "data");
let autoencoder: FrozenAutoencoder;
beforeAll(async () => {
  autoencoder = await tinyAutoencoder();
  await writeDataset(data);
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (name: string, recipe: ReturnType<typeof tinyRecipe>, options: Partial<TrainOptions> = {}) =>
  trainBase(recipe, "encoder", autoencoder, {
    data: [data],
    out: join(folder, name),
    resume: false,
    version: "test",
    ...options,
  });

const weightsOf = (name: string) => readFile(join(folder, name, "model/arc2face/diffusion_pytorch_model.safetensors"));
const logOf = async (name: string) =>
  (await readFile(join(folder, name, "log.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
const checkpointsOf = async (name: string) => (await readdir(join(folder, name, "checkpoints"))).sort();

/** Also used by test/support/train-until-killed.ts. */
const resumed = tinyRecipe(4, { checkpoints: { every: 5 }, embeddingNoise: 0.1, identityDropout: 0.2 });

describe("resume", () => {
  it("after kill -9 ends with the same weights, to the bit, as a run in one go", async () => {
    const child = spawn(
      process.execPath,
      [
        "--import",
        "tsx",
        join(import.meta.dirname, "../../test/support/train-until-killed.ts"),
        data,
        join(folder, "killed"),
      ],
      { stdio: "inherit" },
    );
    const closed = new Promise((resolve) => child.once("close", resolve));
    const whole = run("whole", resumed);
    for (let step = 0; step < 11; ) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      step = (await readFile(join(folder, "killed/log.jsonl"), "utf8").catch(() => "")).split("\n").length - 1;
    }
    child.kill("SIGKILL");
    await closed;
    await whole;
    expect(await readdir(join(folder, "killed"))).not.toContain("model");
    const result = await run("killed", resumed, { resume: true });
    expect(result).toMatchObject({ step: 20, steps: 20 });
    expect(await weightsOf("killed")).toEqual(await weightsOf("whole"));
    const losses = (entries: { step: number; loss: number }[]) => entries.map(({ step, loss }) => [step, loss]);
    expect(losses(await logOf("killed"))).toEqual(losses(await logOf("whole")));
  });

  it("passes a damaged checkpoint over", async () => {
    const [, second, third] = (await checkpointsOf("whole")) as [string, string, string];
    const path = join(folder, "whole/checkpoints", third, "tensors.safetensors");
    const bytes = await readFile(path);
    bytes.writeFloatLE(1, bytes.length - 8);
    await writeFile(path, bytes);
    const messages: string[] = [];
    const first = (await logOf("whole")).length;
    await run("whole", resumed, { resume: true, onMessage: (message) => messages.push(message) });
    expect(messages.join()).toMatch(/was changed or damaged/);
    expect(second).toBe("step-000000015");
    expect((await logOf("whole")).length).toBe(first);
    expect(await weightsOf("whole")).toEqual(await weightsOf("killed"));
  });

  it("refuses a folder that holds a run, and one of another recipe", async () => {
    await expect(run("whole", resumed)).rejects.toThrow(/holds a run; --resume/);
    const other = tinyRecipe(4, { checkpoints: { every: 5 }, seed: 1 });
    await expect(run("whole", other, { resume: true })).rejects.toThrow(/another run: config\.seed differs/);
  });
});

describe("interruptions", () => {
  it("saves and ends when it is told to", async () => {
    const controller = new AbortController();
    const onProgress = ({ step }: { step: number }) => {
      if (step === 3) controller.abort();
    };
    const result = await run("stopped", resumed, { signal: controller.signal, onProgress });
    expect(result.step).toBe(3);
    expect(result.model).toBeUndefined();
    expect(await checkpointsOf("stopped")).toEqual(["step-000000003"]);
    await run("stopped", resumed, { resume: true });
    expect(await weightsOf("stopped")).toEqual(await weightsOf("killed"));
  });

  it("stops at a loss that is not finite, and keeps the state before", async () => {
    const wild = tinyRecipe(4, { learningRate: { peak: 1e30 }, optimizer: {}, ema: null });
    await expect(run("wild", wild)).rejects.toThrow(DivergenceError);
    const [last] = (await checkpointsOf("wild")) as [string];
    const file = await openSafetensors(join(folder, "wild/checkpoints", last, "tensors.safetensors"));
    for (const name of file.entries.keys()) {
      expect(
        (await readTensor(file, name)).data.every((value) => Number.isFinite(value)),
        name,
      ).toBe(true);
    }
    expect((await logOf("wild")).at(-1).loss).toBeLessThan(Number.POSITIVE_INFINITY);
  });
});

it("learns eight images by heart: a loss below 0.02, and the pipeline reproduces them", async () => {
  const recipe = tinyRecipe(16, {
    steps: 170,
    batchSize: 16,
    learningRate: { peak: 1e-2, shape: "cosine", warmupSteps: 10 },
    samples: { every: 1000, count: 2, steps: 2, guidanceScale: 1 },
  });
  await run("overfit", recipe);
  const losses = (await logOf("overfit")).slice(-10).map(({ loss }: { loss: number }) => loss);
  expect(losses.reduce((a: number, b: number) => a + b) / losses.length).toBeLessThan(0.02);

  const model = await Arc2Face.load(join(folder, "overfit/model"));
  const dataset = await Dataset.open(data);
  const faceEmbedding = await Promise.all([0, 1, 2].map((row) => dataset.readEmbedding(row)));
  const made: Uint8Array[] = [];
  const request = { faceEmbedding, seed: 1, steps: 5, guidanceScale: 1 };
  for await (const image of model.generate(request)) made.push(image.data);
  // The same person twice is much more alike than two people.
  for await (const image of model.generate({ ...request, seed: 2 })) made.push(image.data);
  const distance = (a: number, b: number) =>
    (made[a] as Uint8Array).reduce((sum, value, i) => sum + Math.abs(value - (made[b]?.[i] ?? 0)), 0);
  expect(distance(0, 3)).toBeLessThan(distance(0, 1) / 5);
  await model.release();
  await dataset.close();
});

describe("bad input", () => {
  it("says what is wrong with the data", async () => {
    await expect(run("none", resumed, { data: [join(folder, "nothing")] })).rejects.toThrow(/is no dataset; make one/);
    await expect(run("none", { ...resumed, sizePx: 32 })).rejects.toThrow(/images of 16 pixels.*sizePx 32/);
    const other = {
      ...autoencoder,
      weights: { ...autoencoder.weights, path: fixture("tiny/vae/diffusion_pytorch_model.safetensors") },
    };
    await expect(
      trainBase(resumed, "encoder", other, { data: [data], out: join(folder, "none"), resume: false, version: "test" }),
    ).rejects.toThrow(/latents are of another autoencoder/);
    expect(await readdir(folder)).not.toContain("none");
  });

  it("says what is wrong with the recipe", () => {
    expect(() => tinyRecipe(4, { learningrate: {} })).toThrow(/recipe: .*learningrate/);
    expect(() => tinyRecipe(4, { learningRate: { peak: -1 } })).toThrow(/learningRate\.peak/);
    expect(() => tinyRecipe(4, { sizePx: 0 })).toThrow(InputError);
    expect(() => tinyRecipe(4, { epochs: 3 })).toThrow(/either steps or epochs/);
    expect(() => tinyRecipe(4, { unet: { block_out_channels: [4], what: 1 } })).toThrow(/unknown keys what/);
  });

  it.each([
    { photos: 1, name: "one-photo" },
    { photos: 5, name: "one-person" },
  ])("trains on one person: $name", async ({ photos, name }) => {
    const single = join(folder, `${name}-data`);
    await writeDataset(single, { count: photos, people: 1 });
    expect(await run(name, tinyRecipe(4, { steps: 2 }), { data: [single] })).toMatchObject({ step: 2 });
  });
});
