import { expect, it } from "vitest";
import { fixture } from "../../test/support/fixtures.js";
import { CheckpointError } from "../errors.js";
import { TorchGenerator } from "../tensor/random.js";
import { openSafetensors, readTensor } from "../tensor/safetensors.js";
import { matches, TrainableWeights, type TrainableWeightsOptions } from "./weights.js";

const make = (options: Partial<TrainableWeightsOptions> = {}) =>
  new TrainableWeights({ rules: [], weightDecay: 0.1, generator: new TorchGenerator(1), ...options });
const ones = { kind: "constant", value: 1 } as const;

it("matches paths with asterisks, and takes dots as dots", () => {
  expect(matches("unet.*.bias", "unet.a.b.bias")).toBe(true);
  expect(matches("unet.*.bias", "unet.bias")).toBe(false);
  expect(matches("unet.a", "unetxa")).toBe(false);
  expect(matches("*", "anything.at.all")).toBe(true);
});

it("freezes, scales and decays by the last rule that matches", async () => {
  const rules = [
    { match: "net.*", rateScale: 0.5 },
    { match: "*.frozen", freeze: true },
    { match: "*.bias", weightDecay: 0 },
  ];
  const weights = make({ rules });
  const net = weights.network("net");
  const get = (name: string) => net.get(name, [2, 3], ones);
  expect([get("frozen").origin.kind, get("a").origin.kind]).toEqual(["constant", "input"]);
  expect(get("a")).toBe(get("a"));
  get("bias");
  expect([...weights.parameters.values()]).toMatchObject([
    { path: "net.a", rateScale: 0.5, weightDecay: 0.1 },
    { path: "net.bias", weightDecay: 0 },
  ]);
  expect((await weights.parameters.get("net.a")?.initial())?.data).toEqual(new Float32Array(6).fill(1));
});

it("starts from a file, and checks its shapes at once", async () => {
  const file = await openSafetensors(fixture("tiny/arc2face/diffusion_pytorch_model.safetensors"));
  const weights = make();
  const net = weights.network("unet", file);
  const stored = await readTensor(file, "conv_in.bias");
  net.get("conv_in.bias", stored.shape, ones);
  expect(await weights.parameters.get("unet.conv_in.bias")?.initial()).toEqual(stored);
  expect(() => net.get("conv_out.bias", [99], ones)).toThrow(CheckpointError);
  expect(net.has("nothing")).toBe(false);
});

it("trains low-rank factors of what matches, which change nothing at first, and freezes the rest", async () => {
  const weights = make({ lora: { rank: 2, alpha: 4, match: ["net.*.to_q.weight"] } });
  const net = weights.network("net");
  expect(net.get("a.to_k.weight", [3, 5], ones).origin.kind).toBe("constant");
  expect(net.get("a.to_q.weight", [3, 5], ones).origin.kind).toBe("node");
  const parameters = [...weights.parameters.values()];
  expect(parameters.map(({ path, value }) => [path, value.shape])).toEqual([
    ["net.a.to_q.lora_A.weight", [2, 5]],
    ["net.a.to_q.lora_B.weight", [3, 2]],
  ]);
  expect((await parameters[1]?.initial())?.data).toEqual(new Float32Array(6));
});
