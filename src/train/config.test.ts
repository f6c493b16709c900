import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Method, parseTrainConfig, readTrainConfig } from "./config.js";

const recipes = join(import.meta.dirname, "../../recipes");
const methods: Record<string, Method> = {
  "mini/autoencoder.json": "autoencoder",
  "mini/base.json": "base",
  "mini/distill.json": "distill",
  "mini/identity.json": "arc2face",
  "mini/own-images.json": "arc2face",
  "overfit.json": "base",
  "webface.json": "arc2face",
  "finetune.json": "arc2face",
};

describe("recipes of the package", () => {
  it.each(Object.entries(methods))("%s is valid", async (file, method) => {
    await expect(readTrainConfig(method, join(recipes, file))).resolves.toMatchObject({ seed: 0 });
  });

  it("are all tested", async () => {
    const files = (await readdir(recipes, { recursive: true })).filter((name) => name.endsWith(".json"));
    expect(files.sort()).toEqual(Object.keys(methods).sort());
  });

  it("have the paper's stages", async () => {
    const stage = (name: string) => readTrainConfig("arc2face", join(recipes, name));
    expect(await stage("webface.json")).toMatchObject({ sizePx: 448, epochs: 5, learningRate: { peak: 1e-6 } });
    expect(await stage("finetune.json")).toMatchObject({ sizePx: 512, epochs: 15, learningRate: { peak: 1e-6 } });
  });
});

const minimal = { steps: 1, batchSize: 1, sizePx: 64, learningRate: { peak: 1 }, autoencoder: {} };

it("fills in defaults, and names everything that is wrong", () => {
  const parsed = parseTrainConfig("autoencoder", minimal, "r.json");
  expect(parsed).toMatchObject({ optimizer: { betas: [0.9, 0.999], weightDecay: 0.01 }, ema: { decay: 0.9999 } });
  expect(parseTrainConfig("autoencoder", { ...minimal, ema: null }, "r.json").ema).toBeNull();
  const wrong = (changes: object) => () => parseTrainConfig("autoencoder", { ...minimal, ...changes }, "r.json");
  expect(wrong({ batchsize: 3, learningRate: { peak: -1 } })).toThrow(/r\.json: .*batchsize.*learningRate\.peak/);
  expect(wrong({ steps: undefined })).toThrow("r.json: give either steps or epochs");
  expect(wrong({ autoencoder: { widths: [3] } })).toThrow(/autoencoder.*widths|widths.*autoencoder/);
  expect(wrong({ sizePx: 4 })).toThrow(/sizePx/);
  expect(wrong({ dataShare: 0 })).toThrow(/dataShare/);
});

it("has diffusers' defaults for distillation, and refuses guidance and losses that mean nothing", () => {
  const minimal = { steps: 1, batchSize: 1, sizePx: 64, learningRate: { peak: 1 } };
  const parse = (changes: object) => parseTrainConfig("distill", { ...minimal, ...changes }, "r.json");
  expect(parse({})).toMatchObject({
    originalSteps: 50,
    timestepScaling: 10,
    loss: { kind: "huber", c: 0.001 },
    samples: { steps: 4, guidanceScale: 1 },
  });
  expect(() => parse({ guidanceScale: 0.5 })).toThrow(/r\.json: .*guidanceScale/);
  expect(() => parse({ loss: { kind: "l2", c: 1 } })).toThrow(/Unrecognized key: "c"/);
  expect(() => parse({ identityDropout: 0.1 })).toThrow(/identityDropout/);
});
