import { it } from "vitest";
import { gradients } from "../../src/graph/gradients/index.js";
import { attention, convolution, mul, reduceSum, slice } from "../../src/graph/operators/index.js";
import type { Value } from "../../src/graph/value.js";
import { TorchGenerator } from "../../src/tensor/random.js";
import { expectClose } from "../support/close.js";
import { Feeds } from "../support/fixtures.js";

/** Sums in another order. */
const tolerance = 1e-5;
const generator = new TorchGenerator(9);

it("works off attention over many tokens head by head, with the result of each head alone", async () => {
  const feeds = new Feeds();
  // 36 MB of weights for each head; the limit is 64 MB.
  const [q, k, v, factor] = ["q", "k", "v", "factor"].map((name) => feeds.add(name, generator.randn([1, 3000, 2])));
  const operands = [q, k, v] as [Value, Value, Value];
  const weighted = (y: Value, by: Value) => reduceSum(mul(y, by));
  const both = gradients(weighted(attention(...operands, { heads: 2 }), factor as Value), operands);
  const outputs: Record<string, Value> = {};
  for (const head of [0, 1]) {
    const only = (x: Value | undefined) => slice(x as Value, 2, head, head + 1);
    const alone = operands.map(only) as [Value, Value, Value];
    const expected = gradients(weighted(attention(...alone, { heads: 1 }), only(factor)), alone);
    for (const i of [0, 1, 2]) {
      outputs[`found ${head} ${i}`] = only(both[i]);
      outputs[`expected ${head} ${i}`] = expected[i] as Value;
    }
  }
  await compare(feeds, outputs);
});

it("works off convolutions of large maps by channels, with the result of fewer channels alone", async () => {
  const feeds = new Feeds();
  const [channels, few] = [460, 3];
  const window = { strides: [2, 2], dilations: [1, 1], before: [1, 1], after: [0, 0], group: 1 };
  // 147 kB of copies for each channel; the limit is 64 MB.
  const x = feeds.add("x", generator.randn([1, channels, 128, 128]));
  const weight = feeds.add("weight", generator.randn([2, channels, 3, 3]));
  const [factor, lastX] = [feeds.add("factor", generator.randn([1, 2, 64, 64])), slice(x, 1, channels - few, channels)];
  const lastWeight = slice(weight, 1, channels - few, channels);
  const [whole] = gradients(reduceSum(mul(convolution(x, weight, window), factor)), [weight]) as [Value];
  const [part] = gradients(reduceSum(mul(convolution(lastX, lastWeight, window), factor)), [lastWeight]) as [Value];
  await compare(feeds, { "found 0": slice(whole, 1, channels - few, channels), "expected 0": part });
});

async function compare(feeds: Feeds, outputs: Record<string, Value>): Promise<void> {
  const results = await feeds.run(outputs);
  for (const [name, tensor] of Object.entries(results)) {
    if (!name.startsWith("found")) continue;
    const expected = results[name.replace("found", "expected")];
    if (!expected) throw new Error(`nothing to compare ${name} with`);
    expectClose(tensor, expected, tolerance, name);
  }
}
