import { expect, it } from "vitest";
import { TorchGenerator } from "../tensor/random.js";
import { SeededNoise } from "./noise.js";

const shape = [2, 3, 5];

it("gives every image the noise of its own seed, whoever is beside it", () => {
  const alone = new SeededNoise([11], shape);
  const together = new SeededNoise([7, 11], shape);
  for (let draw = 0; draw < 3; draw++) expect(together.draw().subarray(30)).toEqual(alone.draw());
});

it("draws on and on from one generator for each image, as torch does", () => {
  const noise = new SeededNoise([7], shape);
  const generator = new TorchGenerator(7);
  for (let draw = 0; draw < 2; draw++) expect(noise.draw()).toEqual(generator.randn([1, ...shape]).data);
});
