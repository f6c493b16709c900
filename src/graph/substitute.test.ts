import { expect, it } from "vitest";
import { ShapeError } from "../errors.js";
import { add, matmul, mul, relu } from "./operators/index.js";
import { substitute } from "./substitute.js";
import { floats, input, type Value } from "./value.js";

const operands = (value: Value) => (value.origin.kind === "node" ? value.origin.node.inputs : []);

it("puts another value in the place of an input, and shares what does not depend on it", () => {
  const x = input("x", "f32", [2, 3]);
  const fixed = mul(floats([1, 2, 3]), 2);
  const y = add(relu(x), fixed);
  const image = relu(input("image", "f32", [5, 3]));
  const [replaced] = substitute([y], new Map([[x, image]])) as [Value];
  expect(replaced.shape).toEqual([5, 3]);
  const [activated, shared] = operands(replaced) as [Value, Value];
  expect(operands(activated)[0]).toBe(image);
  expect(shared).toBe(fixed);
  expect(operands(operands(y)[0] as Value)[0]).toBe(x);
});

it("replaces computed values without walking on behind them", () => {
  const x = input("x", "f32", [2]);
  const inner = relu(x);
  const z = input("z", "f32", [2]);
  const replacements = new Map([
    [inner, z],
    [x, input("unused", "f32", [2])],
  ]);
  expect(operands(substitute([mul(inner, 3)], replacements)[0] as Value)[0]).toBe(z);
});

it("refuses shapes that do not fit", () => {
  const x = input("x", "f32", [2, 3]);
  const product = matmul(x, input("w", "f32", [3, 4]));
  expect(() => substitute([product], new Map([[x, input("y", "f32", [2, 5])]]))).toThrow(ShapeError);
});
