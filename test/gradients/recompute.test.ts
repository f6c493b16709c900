import { describe, expect, it } from "vitest";
import { exportOnnx } from "../../src/graph/export.js";
import { type GradientOptions, gradients, recompute } from "../../src/graph/gradients/index.js";
import { add, exp, mul, neg, reduceMean, sigmoid, tanh } from "../../src/graph/operators/index.js";
import { topologicalOrder } from "../../src/graph/traverse.js";
import { input, type Value } from "../../src/graph/value.js";
import { Session } from "../../src/runtime/session.js";
import { TorchGenerator } from "../../src/tensor/random.js";
import type { Tensor } from "../../src/tensor/tensor.js";

/** A stack of residual blocks of five activations each, and one more value that all of them use. */
function stack(depth: number, shape: number[]) {
  const x = input("x", "f32", shape);
  const shift = input("shift", "f32", [shape[1] as number, 1]);
  const parameters = Array.from({ length: depth }, (_, i) => input(`w${i}`, "f32", [shape[1] as number, 1]));
  const shared = tanh(shift);
  let h: Value = x;
  for (const w of parameters) {
    const block = recompute((h: Value, shared: Value) => add(h, mul(w, exp(neg(sigmoid(tanh(add(h, shared))))))));
    h = block(h, shared);
  }
  return { inputs: [x, shift, ...parameters], parameters: [...parameters, shift], loss: reduceMean(mul(h, h)) };
}

/** Values of all gradients, and the growth of the process's largest memory, in bytes. */
async function run(
  { inputs, parameters, loss }: ReturnType<typeof stack>,
  options: GradientOptions,
  feeds: Record<string, Tensor>,
) {
  const grads = gradients(loss, parameters, options);
  // The first parameter's gradient is the last that the backward pass reaches; asked for last, ONNX Runtime would
  // begin with it, and keep all others' operands until then.
  const outputs = Object.fromEntries(grads.map((grad, i) => [`${i}`, grad] as const).toReversed());
  const session = await Session.load(exportOnnx({ inputs, outputs }));
  const before = process.resourceUsage().maxRSS;
  const results = await session.run(feeds);
  const growth = 1024 * (process.resourceUsage().maxRSS - before);
  await session.release();
  return { results, growth };
}

describe("recompute", () => {
  it("gives the same gradients in less memory", async () => {
    const shape = [2, 16, 32768];
    const bytes = 4 * 2 * 16 * 32768;
    const depth = 24;
    const graph = stack(depth, shape);
    const generator = new TorchGenerator(5);
    const feeds = Object.fromEntries(
      graph.inputs.map(({ name = "", shape }) => [name, generator.randn(shape as number[])]),
    );
    // In this order, because the largest memory so far never falls.
    const again = await run(graph, {}, feeds);
    const kept = await run(graph, { recompute: false }, feeds);
    expect(again.results).toEqual(kept.results);
    // Kept are the blocks' inputs, and the interior of one block.
    expect(again.growth).toBeLessThan((depth + 14) * bytes);
    expect(again.growth + kept.growth).toBeGreaterThan(3 * depth * bytes);
  });

  it("computes again only what is between inputs and outputs, once for each block", () => {
    const { loss, parameters } = stack(3, [2, 3, 5]);
    const types = (options: GradientOptions) =>
      topologicalOrder(gradients(loss, parameters, options)).map(({ operator }) => operator.type);
    const times = (list: string[], type: string) => list.filter((other) => other === type).length;
    const [again, kept] = [types({}), types({ recompute: false })];
    expect([times(kept, "Sigmoid"), times(again, "Sigmoid")]).toEqual([3, 6]);
    expect([times(kept, "Tanh"), times(again, "Tanh")]).toEqual([4, 7]);
  });

  it("leaves a network as it is where nothing is differentiated", () => {
    const block = (h: Value) => tanh(mul(h, h));
    const x = input("x", "f32", [3]);
    const bytes = (y: Value) => exportOnnx({ inputs: [x], outputs: { y } }).bytes;
    expect(bytes(recompute(block)(x))).toEqual(bytes(block(x)));
  });
});
