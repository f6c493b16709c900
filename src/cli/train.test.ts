import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cli } from "../../test/support/cli.js";
import { fixture } from "../../test/support/fixtures.js";
import { writeDataset } from "../../test/support/training.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "arc2face-cli-train-"));
  const vae = fixture("tiny/vae/diffusion_pytorch_model.safetensors");
  await writeDataset(join(folder, "data"), { latentShape: [4, 4, 4], vae });
});
afterAll(() => rm(folder, { recursive: true }));

const recipe = { steps: 50, batchSize: 2, sizePx: 16, learningRate: { peak: 1e-4 }, samples: { count: 1, steps: 1 } };

async function train(out: string, changes: object, signal?: AbortSignal, ...more: string[]) {
  const path = join(folder, `${out}.json`);
  await writeFile(path, JSON.stringify({ ...recipe, ...changes }));
  const places = ["--data", join(folder, "data"), "--out", join(folder, out), "--start", fixture("tiny")];
  return cli(["train", "arc2face", "--config", path, ...places, ...more], { ...(signal && { signal }) });
}

it("saves when it is interrupted, says how to go on, and goes on", async () => {
  const halted = await train("halted", {}, AbortSignal.abort());
  expect(halted.stderr).toMatch(/saved after step 1 of 50; the same command with --resume goes on/);
  expect(halted.status).toBe(130);
  expect(await readdir(join(folder, "halted/checkpoints"))).toEqual(["step-000000001"]);
  const again = await train("halted", {}, undefined);
  expect(again).toMatchObject({ status: 2, stderr: expect.stringContaining("--resume goes on with it") });
  const resumed = await train("halted", {}, undefined, "--resume", "--json");
  expect(resumed.status).toBe(0);
  expect(JSON.parse(resumed.stdout)).toEqual({ step: 50, steps: 50, model: join(folder, "halted/model") });
});

it("refuses wrong recipes with status 2, and writes nothing", async () => {
  const wrong = async (changes: object, message: RegExp) => {
    const { status, stderr } = await train("wrong", changes);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  };
  await wrong({ learningrate: 1 }, /Unrecognized key: "learningrate"/);
  await wrong({ learningRate: { peak: -1 } }, /learningRate\.peak/);
  await wrong({ sizePx: 32 }, /images of 16 pixels/);
  await wrong({ sizePx: -1 }, /sizePx/);
  await wrong({ mirror: true }, /no latents of mirrored images/);
  expect(await readdir(folder)).not.toContain("wrong");
});

it("refuses a folder without a dataset", async () => {
  const places = ["--data", folder, "--out", join(folder, "x"), "--start", fixture("tiny")];
  const { status, stderr } = await cli(["train", "arc2face", "--config", "finetune", ...places]);
  expect(stderr).toMatch(/is no dataset; make one with arc2face dataset prepare/);
  expect(status).toBe(2);
});

it("distils only with the embeddings that the model takes", async () => {
  const path = join(folder, "distil.json");
  await writeFile(path, JSON.stringify({ ...recipe, guidanceScale: 2 }));
  const places = ["--data", join(folder, "data"), "--out", join(folder, "distilled"), "--start", fixture("tiny")];
  const { status, stderr } = await cli(["train", "distill", "--config", path, ...places]);
  expect(stderr).toMatch(
    /embeddings of none \(6 numbers\), but the model takes those of tiny-recogniser \(24 numbers\)/,
  );
  expect(status).toBe(2);
});
