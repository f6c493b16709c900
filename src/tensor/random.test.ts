import { expect, test } from "vitest";
import { InputError } from "../errors.js";
import { MersenneTwister } from "./mersenne-twister.js";
import { TorchGenerator } from "./random.js";
import { tensor } from "./tensor.js";

test("MT19937's published 10,000th number for seed 5489", () => {
  const twister = new MersenneTwister(5489); // C++ standard, [rand.predef]
  let last = 0;
  for (let i = 0; i < 10_000; i++) last = twister.next();
  expect(last).toBe(4123659995);
});

test("fewer than 16 normal numbers come in pairs, so the second half of a pair waits for the next call", () => {
  const together = new TorchGenerator(7).randn([4]).data;
  const generator = new TorchGenerator(7);
  const apart = [generator.randn([1]), generator.randn([3])].flatMap(({ data }) => [...data]);
  expect(apart).toEqual([...together]);
});

test("17 numbers: the last 16 are drawn again", () => {
  const of16 = new TorchGenerator(3).randn([16]).data;
  const of17 = new TorchGenerator(3).randn([17]).data;
  expect(of17[0]).toBe(of16[0]);
  expect(of17[1]).not.toBe(of16[1]);
});

test("normal numbers have mean 0 and variance 1", () => {
  const { data } = new TorchGenerator(1).randn([40_000]);
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  const variance = data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length;
  expect(Math.abs(mean)).toBeLessThan(0.02); // four standard errors
  expect(Math.abs(variance - 1)).toBeLessThan(0.03);
});

test("no elements draw nothing", () => {
  const generator = new TorchGenerator(1);
  expect(generator.randn([0, 3]).data.length).toBe(0);
  expect(generator.randperm(0).data.length).toBe(0);
  expect(generator.rand([2])).toEqual(new TorchGenerator(1).rand([2]));
});

test.each([0, 1, 5, 624, 1000])("a generator made from a state goes on alike after %d draws", (draws) => {
  const generator = new TorchGenerator(-3n);
  generator.rand([draws]);
  generator.randn([1]);
  const copy = TorchGenerator.fromState(generator.getState());
  expect(copy.initialSeed).toBe(2n ** 64n - 3n);
  expect(copy.randn([3, 5])).toEqual(generator.randn([3, 5]));
  expect(copy.getState()).toEqual(generator.getState());
});

test("a permutation has every index once", () => {
  const { data } = new TorchGenerator(0).randperm(100);
  expect([...data].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
});

test.each([1.5, Number.NaN, 2 ** 53, 2n ** 64n, -(2n ** 63n) - 1n])("refuses the seed %s", (seed) => {
  expect(() => new TorchGenerator(seed)).toThrow(InputError);
});

test("refuses shapes, ranges and states that are none", () => {
  const generator = new TorchGenerator(0);
  expect(() => generator.randn([-1])).toThrow(InputError);
  expect(() => generator.rand([1.5, 2])).toThrow(InputError);
  expect(() => generator.randint(3, 3, [1])).toThrow(InputError);
  expect(() => TorchGenerator.fromState(tensor("u8", [3], new Uint8Array(3)))).toThrow(InputError);
  expect(() => TorchGenerator.fromState(tensor("u8", [5056], new Uint8Array(5056)))).toThrow(InputError);
});
