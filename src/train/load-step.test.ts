import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tinyRecipe } from "../../test/support/training.js";
import { CheckpointError } from "../errors.js";
import { mul, reduceMean } from "../graph/operators/index.js";
import { input } from "../graph/value.js";
import { f32, type Tensor } from "../tensor/tensor.js";
import { Checkpoints } from "./checkpoints.js";
import { loadStep } from "./load-step.js";
import type { TrainedParameter } from "./weights.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "arc2face-load-step-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** The loss mean((x weight bias)^2) and its parameters. */
function task() {
  const x = input("x", "f32", [2, 3]);
  const parameter = (path: string, shape: number[]): TrainedParameter => ({
    path,
    value: input(path, "f32", shape),
    initial: async () => f32(shape, Array<number>(3).fill(1)),
  });
  const parameters = [parameter("net.weight", [3]), parameter("net.bias", [1, 3])];
  const y = parameters.reduce((product, { value }) => mul(product, value), x);
  return { objective: { inputs: [x], loss: reduceMean(mul(y, y)), metrics: {} }, parameters };
}

const names = ["net.weight", "net.bias"].flatMap((path) => [path, `moment1/${path}`, `moment2/${path}`]);
const whole = Object.fromEntries(
  names.map((name) => [name, f32(name.endsWith("bias") ? [1, 3] : [3], [1, 2, 3])] as const),
);

/** Loads the step from a checkpoint that holds these tensors. */
async function load(name: string, tensors: Record<string, Tensor<"f32">>) {
  const checkpoints = new Checkpoints(join(folder, name), 1);
  const entries = Object.entries(tensors).map(([path, { shape }]) => ({ name: path, shape }));
  await checkpoints.save(7, entries, async (path) => tensors[path] as Tensor);
  const checkpoint = await checkpoints.latest(() => undefined);
  const recipe = tinyRecipe(4, { ema: null });
  return loadStep(task(), recipe, checkpoint?.tensors, { device: "cpu", threads: 1, statePath: join(folder, "state") });
}

it("goes on from a checkpoint of the same network", async () => {
  const step = await load("same", whole);
  expect((await (await step.reader())("moment2/net.bias")).data).toEqual(Float32Array.of(1, 2, 3));
  await step.release();
});

it.each<[string, Record<string, Tensor<"f32">>, RegExp]>([
  ["with a parameter more", { ...whole, "net.gate": f32([3], [1, 2, 3]) }, /another architecture: "net\.gate"/],
  [
    "with a parameter less",
    Object.fromEntries(Object.entries(whole).filter(([name]) => !name.includes("bias"))),
    /another architecture: "net\.bias"/,
  ],
  [
    "of other sizes",
    { ...whole, "net.weight": f32([2], [1, 2]) },
    /"net\.weight" is f32 \[2\], the network has f32 \[3\]/,
  ],
])("refuses a checkpoint %s", async (name, tensors, message) => {
  const failure = load(name, tensors);
  await expect(failure).rejects.toThrow(CheckpointError);
  await expect(failure).rejects.toThrow(message);
});
