import { beforeAll, describe, expect, it } from "vitest";
import { fixture } from "../../test/support/fixtures.js";
import { InputError } from "../errors.js";
import { cacheFolder } from "../tensor/cache-folder.js";
import { type ModelFolder, openModelFolder } from "./model-folder.js";
import { type GenerateRequest, planGeneration, trainedSize, unitEmbedding } from "./request.js";

let folder: ModelFolder;
beforeAll(async () => {
  folder = await openModelFolder(fixture("tiny"), cacheFolder());
});

/** 24 numbers of norm 7. */
const face = Array.from({ length: 24 }, (_, i): number => (i === 2 ? 2 : i === 5 ? -3 : i === 11 ? 6 : 0));
const plan = (request: Partial<GenerateRequest> = {}) => planGeneration(folder, { faceEmbedding: face, ...request });

describe("planGeneration", () => {
  it("takes what the request leaves open from the model", () => {
    const { sampler, samplerOptions, sampling, guidance, widthPx, heightPx, seeds, embeddings } = plan();
    expect([sampler, guidance.scale, sampling.steps.length]).toEqual(["dpm++", 3, 25]);
    // As SD-1.5's scheduler config has them.
    expect(samplerOptions).toMatchObject({ stepsOffset: 1, setAlphaToOne: false });
    expect([widthPx, heightPx]).toEqual([32, 32]);
    expect([seeds.length, embeddings.length]).toEqual([1, 1]);
  });

  it("refuses other sizes where the model has a map of one", () => {
    const config = { ...folder.unet.config, identity_map: { rank: 2, limit: 9, height: 8, width: 8 } };
    const own = { ...folder, unet: { ...folder.unet, config } };
    expect(planGeneration(own, { faceEmbedding: face }).widthPx).toBe(32);
    expect(() => planGeneration(own, { faceEmbedding: face, size: 64 })).toThrow(/64x64: .* images of 32x32 only/);
  });

  it("takes the model's own defaults before the official ones", () => {
    const defaults = { sampler: "ddim", steps: 7, guidanceScale: 1.5 } as const;
    const own = { ...folder, manifest: { ...folder.manifest, defaults } };
    const { sampler, sampling, guidance } = planGeneration(own, { faceEmbedding: face });
    expect([sampler, sampling.steps.length, guidance.scale]).toEqual(["ddim", 7, 1.5]);
    expect(planGeneration(own, { faceEmbedding: face, steps: 3 }).sampling.steps).toHaveLength(3);
  });

  it("lets the request's sampler options win over the scheduler config's", () => {
    expect(plan({ samplerOptions: { order: 3, stepsOffset: 0 } }).samplerOptions).toEqual({
      ...folder.scheduler.sampler,
      order: 3,
      stepsOffset: 0,
    });
  });

  it("numbers seeds from the given one; zero is one, too", () => {
    expect(plan({ seed: 0, count: 3 }).seeds).toEqual([0, 1, 2]);
    expect(plan({ seed: 2 ** 32 - 3, count: 3 }).seeds.at(-1)).toBe(2 ** 32 - 1);
  });

  it("draws a seed where none is given", () => {
    const drawn = Array.from({ length: 8 }, () => plan().seeds[0]);
    expect(new Set(drawn).size).toBeGreaterThan(1);
  });

  it("takes zero as a value, not as nothing", () => {
    expect(plan({ guidanceScale: 0, guidanceRescale: 0 }).guidance).toEqual({ scale: 0, rescale: 0 });
  });

  it("takes one embedding or several, of any numeric array, and brings them to length 1", () => {
    const [one] = plan().embeddings as [Float32Array];
    expect([one[2], one[5], one[11]]).toEqual([2 / 7, -3 / 7, 6 / 7].map(Math.fround));
    const { embeddings } = plan({ faceEmbedding: [Float32Array.from(face), Float64Array.from(face)] });
    expect(embeddings).toEqual([one, one]);
  });

  it("takes a size as one side, or as width and height", () => {
    const sizeOf = ({ widthPx, heightPx }: { widthPx: number; heightPx: number }) => [widthPx, heightPx];
    expect(sizeOf(plan({ size: 16 }))).toEqual([16, 16]);
    expect(sizeOf(plan({ size: [24, 8] }))).toEqual([24, 8]);
  });

  it.each<[Partial<GenerateRequest>, string]>([
    [{ count: 0 }, "count is 0; give a whole number from 1"],
    [{ count: 1.5 }, "count is 1.5"],
    [{ seed: -1 }, "seed is -1; give a whole number from 0 to 4294967295"],
    [{ seed: 2 ** 32 - 1, count: 2 }, "seed is 4294967295; give a whole number from 0 to 4294967294"],
    [{ seed: Number.NaN }, "seed is NaN"],
    [{ batchSize: 0 }, "batchSize is 0"],
    [{ steps: 0 }, "steps"],
    [{ steps: 1001 }, "trained with 1000"],
    [{ sampler: "plms" as never }, 'unknown sampler "plms"; use one of ddpm'],
    [{ samplerOptions: { order: 4 as never } }, "sampler options"],
    [{ guidanceScale: Number.NaN }, "guidance scale is NaN"],
    [{ guidanceRescale: 2 }, "guidance rescale is 2"],
    [{ guidanceInterval: [3, 1] }, "guidance interval is 3 to 1"],
    [{ size: 18 }, "size 18x18: each side must be a multiple of 4 from 4 to 4096"],
    [{ size: [16, 0] }, "size 16x0"],
    [{ size: [4100, 16] }, "size 4100x16"],
    [{ faceEmbedding: [] }, "faceEmbedding is empty"],
    [{ faceEmbedding: [1, 2, 3] }, "has 3 numbers; this model takes 24"],
    [{ faceEmbedding: [face, [1]] }, "has 1 numbers; this model takes 24"],
    [{ faceEmbedding: face.with(3, Number.NaN) }, "NaN or infinite"],
    [{ faceEmbedding: face.with(3, Number.NEGATIVE_INFINITY) }, "NaN or infinite"],
    [{ faceEmbedding: face.map(() => 0) }, "all zeros"],
  ])("refuses %j", (request, message) => {
    expect(() => plan(request)).toThrow(InputError);
    expect(() => plan(request)).toThrow(message);
  });
});

it("unitEmbedding does not overflow", () => {
  expect(unitEmbedding([3e200, 0, -4e200], 3)).toEqual(Float32Array.of(0.6, 0, -0.8));
});

it("trainedSize reads rows before columns", () => {
  const config = { ...folder.unet.config, sample_size: [6, 10] as [number, number] };
  expect(trainedSize({ ...folder, unet: { ...folder.unet, config } })).toEqual([40, 24]);
  const unsaid = { ...config, sample_size: null };
  expect(trainedSize({ ...folder, unet: { ...folder.unet, config: unsaid } })).toEqual([256, 256]);
});
