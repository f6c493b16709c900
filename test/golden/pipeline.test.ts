import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SamplerName } from "../../src/diffusion/samplers.js";
import { psnr } from "../../src/evaluation/similarities.js";
import { decodeImage } from "../../src/image/decode.js";
import type { Image } from "../../src/image/image.js";
import { Arc2Face } from "../../src/pipeline/arc2face.js";
import { fixture, readJson } from "../support/fixtures.js";

interface Run {
  name: string;
  sampler: SamplerName;
  steps: number;
  guidanceScale: number;
  seeds: number[];
  lora?: string;
}

const runs: Run[] = [
  { name: "official", sampler: "dpm++", steps: 25, guidanceScale: 3, seeds: [7, 1234] },
  { name: "lcm", sampler: "lcm", steps: 4, guidanceScale: 1, seeds: [7, 1234], lora: "kohya" },
  { name: "ddim", sampler: "ddim", steps: 10, guidanceScale: 3, seeds: [7] },
  { name: "ddpm", sampler: "ddpm", steps: 10, guidanceScale: 3, seeds: [7] },
  { name: "euler", sampler: "euler", steps: 10, guidanceScale: 3, seeds: [7] },
  { name: "euler-ancestral", sampler: "euler-a", steps: 10, guidanceScale: 3, seeds: [7] },
];

describe("images against diffusers, same seeds", () => {
  let faceEmbedding: number[];
  const models = new Map<string | undefined, Arc2Face>();

  beforeAll(async () => {
    faceEmbedding = ((await readJson("pipeline/embedding.json")) as { embedding: number[] }).embedding;
    models.set(undefined, await Arc2Face.load(fixture("tiny")));
    const loras = [{ path: fixture("lora/kohya.safetensors") }];
    models.set("kohya", await Arc2Face.load(fixture("tiny"), { loras }));
  });
  afterAll(async () => {
    for (const model of models.values()) await model.release();
  });

  it.each(runs)("$name", async ({ name, seeds, lora, ...options }) => {
    const model = models.get(lora) as Arc2Face;
    for (const seed of seeds) {
      const expected = await decodeImage(await readFile(fixture(`pipeline/${name}-${seed}.png`)));
      for await (const image of model.generate({ faceEmbedding, seed, size: [48, 64], ...options })) {
        expect(psnr(image, expected), `PSNR of seed ${seed} in dB`).toBeGreaterThan(50);
      }
    }
  });

  it("does not depend on how images are batched", async () => {
    const model = models.get(undefined) as Arc2Face;
    const make = async (batchSize: number) => {
      const images: Image[] = [];
      const request = { faceEmbedding, seed: 3, count: 3, steps: 4, size: 16, batchSize };
      for await (const image of model.generate(request)) images.push(image);
      return images.map(({ data }) => data);
    };
    expect(await make(3)).toEqual(await make(1));
  });

  it("guides in the interval, and nowhere else", async () => {
    const model = models.get(undefined) as Arc2Face;
    const make = async (options: { guidanceScale: number; guidanceInterval?: [number, number] }) => {
      for await (const { data } of model.generate({ faceEmbedding, seed: 3, steps: 4, size: 16, ...options }))
        return data;
    };
    const [on, off] = [await make({ guidanceScale: 3 }), await make({ guidanceScale: 1 })];
    expect(on).not.toEqual(off);
    expect(await make({ guidanceScale: 3, guidanceInterval: [0, 15] })).toEqual(on);
    expect(await make({ guidanceScale: 3, guidanceInterval: [15, 99] })).toEqual(off);
    const part = await make({ guidanceScale: 3, guidanceInterval: [1, 15] });
    expect(part).not.toEqual(on);
    expect(part).not.toEqual(off);
  });

  it("leaves the event loop to the caller", async () => {
    const model = models.get(undefined) as Arc2Face;
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    const start = performance.now();
    for await (const image of model.generate({ faceEmbedding, seed: 3, steps: 8, size: 256 }))
      expect(image.seed).toBe(3);
    const elapsedMs = performance.now() - start;
    clearInterval(timer);
    // A tenth of the ticks of an idle thread: the machine may be busy. A thread that computes would tick between steps only.
    expect(ticks).toBeGreaterThan(elapsedMs / 10 / 10);
    expect(elapsedMs).toBeGreaterThan(100);
  });
});
