import { mkdtempSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { CheckpointError } from "../errors.js";
import { readTensor, type SafetensorsFile } from "../tensor/safetensors.js";
import { f32 } from "../tensor/tensor.js";
import { Checkpoints } from "./checkpoints.js";

const root = mkdtempSync(join(tmpdir(), "arc2face-checkpoints-"));
afterAll(() => rmSync(root, { recursive: true }));

const entries = [
  { name: "unet.bias", shape: [2] },
  { name: "moment1/unet.bias", shape: [2] },
];
const values = (step: number) => async (name: string) => f32([2], name === "unet.bias" ? [step, 1] : [0.5, step]);
const silent = () => undefined;

it("keeps the newest, and reads what was saved", async () => {
  const folder = join(root, "rotate");
  const checkpoints = new Checkpoints(folder, 2);
  expect(await checkpoints.latest(silent)).toBeUndefined();
  for (const step of [3, 20, 100]) await checkpoints.save(step, entries, values(step));
  expect((await readdir(folder)).sort()).toEqual(["step-000000020", "step-000000100"]);
  const found = await checkpoints.latest(silent);
  expect(found?.step).toBe(100);
  expect([...(found?.tensors.entries.keys() ?? [])]).toEqual(["moment1/unet.bias", "unet.bias"]);
  const tensors = found?.tensors as SafetensorsFile;
  expect(await readTensor(tensors, "unet.bias")).toEqual(f32([2], [100, 1]));
  expect(await readTensor(tensors, "moment1/unet.bias")).toEqual(f32([2], [0.5, 100]));
});

it("loses nothing when the disk is full", async () => {
  const folder = join(root, "full");
  const checkpoints = new Checkpoints(folder, 1);
  await checkpoints.save(1, entries, values(1));
  const failing = async () => {
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
  };
  const failure = checkpoints.save(2, entries, failing);
  await expect(failure).rejects.toThrow(CheckpointError);
  await expect(failure).rejects.toThrow(/no space left.*earlier checkpoints are whole/);
  expect(await readdir(folder)).toEqual(["step-000000001"]);
  expect((await checkpoints.latest(silent))?.step).toBe(1);
});
