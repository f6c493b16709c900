import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TorchGenerator } from "../../src/tensor/random.js";
import { openSafetensors, writeSafetensors } from "../../src/tensor/safetensors.js";
import { f32, type Tensor } from "../../src/tensor/tensor.js";
import { Products } from "./products.js";
import { unreadDirections } from "./unread-directions.js";

const [width, rank, count] = [12, 3, 4];

test("directions are orthonormal, the map reads nothing of them, and cross-attention the least that is left", async () => {
  const generator = new TorchGenerator(0);
  const map = generator.randn([rank, width]);
  // The values read the first axes a hundred times as strongly as the last.
  const values = generator.randn([20, width]);
  for (let i = 0; i < values.data.length; i++) values.data[i]! *= i % width < 5 ? 100 : 1;
  const folder = await mkdtemp(join(tmpdir(), "unread-"));
  const products = await Products.load();
  try {
    const path = join(folder, "unet.safetensors");
    await writeSafetensors(path, [
      ["mid_block.attn2.to_v.weight", values],
      ["mid_block.attn2.to_k.weight", generator.randn([20, width])],
    ]);
    const found = await unreadDirections(await openSafetensors(path), map, count, products);
    const directions = f32([count, width], found);
    const largest = async (a: Tensor<"f32">, b: Tensor<"f32">) =>
      Math.max(...(await products.withTransposed(a, b)).data.map(Math.abs));
    const gram = await products.withTransposed(directions, directions);
    const identity = Array.from({ length: count ** 2 }, (_, i) => (i % (count + 1) === 0 ? 1 : 0));
    expect([...gram.data].map((value) => Math.round(value * 1e5) / 1e5 + 0)).toEqual(identity);
    expect(await largest(map, directions)).toBeLessThan(0.05);
    expect(await largest(values, directions)).toBeLessThan(20);
  } finally {
    await products.release();
    await rm(folder, { recursive: true });
  }
});
