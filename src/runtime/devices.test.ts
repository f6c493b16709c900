import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { DeviceError, InputError } from "../errors.js";
import { availableDevices, chooseDevice, defaultThreads, type ExecutionDevice, requireDevice } from "./devices.js";
import { peakResidentBytes } from "./memory.js";
import { automaticDevice } from "./probe.js";

describe("devices", () => {
  it("always has the CPU, and lists only what is installed", () => {
    expect(availableDevices()).toContain("cpu");
    expect(availableDevices().includes("dml")).toBe(process.platform === "win32");
    expect(availableDevices().includes("coreml")).toBe(process.platform === "darwin");
  });

  it("says how to get one that is missing", () => {
    const missing = (["dml", "coreml"] as const).filter((device) => !availableDevices().includes(device));
    for (const device of missing) expect(() => requireDevice(device)).toThrow(DeviceError);
    expect(() => requireDevice("tpu" as ExecutionDevice)).toThrow(InputError);
    if (!availableDevices().includes("cuda")) expect(() => requireDevice("cuda")).toThrow(/script\/install --onnx/);
  });

  it("prefers the first accelerator that works, never WebGPU, else the CPU", async () => {
    const all: ExecutionDevice[] = ["cpu", "webgpu", "coreml", "cuda"];
    const tried: string[] = [];
    const only = (working: string[]) => async (device: ExecutionDevice) => {
      tried.push(device);
      return working.includes(device);
    };
    expect(await chooseDevice(only(["cuda", "coreml"]), all)).toBe("cuda");
    expect(await chooseDevice(only(["coreml"]), all)).toBe("coreml");
    expect(await chooseDevice(only([]), all)).toBe("cpu");
    expect(tried).toEqual(["cuda", "cuda", "coreml", "cuda", "coreml"]);
    expect(availableDevices()).toContain(await automaticDevice());
  });

  it("uses the cores of this process", () => {
    expect(defaultThreads()).toBe(availableParallelism());
  });
});

it("measures the peak of memory", () => {
  const before = peakResidentBytes();
  expect(before).toBeGreaterThan(20e6);
  const block = new Uint8Array(200e6).fill(1);
  expect(peakResidentBytes()).toBeGreaterThan(process.memoryUsage().rss * 0.9);
  expect(peakResidentBytes()).toBeGreaterThanOrEqual(before);
  expect(block[1]).toBe(1);
});
