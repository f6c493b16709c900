import { describe, expect, it } from "vitest";
import { InputError, ShapeError } from "../../errors.js";
import { Session } from "../../runtime/session.js";
import { f32 } from "../../tensor/tensor.js";
import { exportOnnx } from "../export.js";
import {
  add,
  cast,
  equal,
  matmul,
  mul,
  operators,
  reduceSum,
  scatterAdd,
  split,
  transpose,
  where,
} from "../operators/index.js";
import { substitute } from "../substitute.js";
import { topologicalOrder } from "../traverse.js";
import { apply1, constant, floats, input, ints, type Operator, type Value } from "../value.js";
import { gradients, stopGradient } from "./index.js";

const x = input("x", "f32", [2, 3]);
const row = input("row", "f32", [3]);
const feeds = { x: f32([2, 3], [1, 2, 3, 4, 5, 6]), row: f32([3], [10, 20, 30]) };

/** The numbers of gradients of the sum of `y`. */
async function slopes(y: Value, wrt: Value[]): Promise<number[][]> {
  const grads = gradients(reduceSum(y), wrt);
  expect(grads.map((grad) => grad.shape)).toEqual(wrt.map((value) => value.shape));
  const outputs = Object.fromEntries(grads.map((grad, i) => [String(i), grad]));
  const session = await Session.load(exportOnnx({ inputs: [x, row], outputs }), { threads: 1 });
  const results = await session.run(feeds);
  await session.release();
  return grads.map((_, i) => Array.from(results[String(i)]?.data as Float32Array));
}

describe("gradients", () => {
  it("sums over what was broadcast", async () => {
    expect(await slopes(mul(x, row), [x, row])).toEqual([
      [10, 20, 30, 10, 20, 30],
      [5, 7, 9],
    ]);
  });

  it("adds up the uses of a value", async () => {
    expect(await slopes(add(mul(x, x), mul(x, 3)), [x])).toEqual([[5, 7, 9, 11, 13, 15]]);
  });

  it("are taken by values inside the graph too, beside what they are computed from", async () => {
    const square = mul(row, row);
    expect(await slopes(mul(square, 2), [square, row])).toEqual([
      [2, 2, 2],
      [40, 80, 120],
    ]);
  });

  it("are zero where the loss does not depend", async () => {
    expect(await slopes(mul(x, 2), [row])).toEqual([[0, 0, 0]]);
    expect(await slopes(cast(equal(x, 2), "f32"), [x])).toEqual([[0, 0, 0, 0, 0, 0]]);
  });

  it("do not pass a cut, also in a graph that was built anew, and are zero behind one", async () => {
    const square = mul(x, x);
    // x * 2 + 10 * x^2, of which the second is a constant.
    const y = add(mul(x, 2), mul(stopGradient(square), row));
    expect(await slopes(y, [x, row])).toEqual([
      [2, 2, 2, 2, 2, 2],
      [17, 29, 45],
    ]);
    const [renewed] = substitute([y], new Map([[square, mul(square, x)]])) as [Value];
    expect(await slopes(renewed, [x, row])).toEqual([
      [2, 2, 2, 2, 2, 2],
      [65, 133, 243],
    ]);
    expect(await slopes(stopGradient(x), [x])).toEqual([[0, 0, 0, 0, 0, 0]]);
  });

  it("leave out outputs and operands through which nothing flows", async () => {
    const [, last] = split(x, [2, 1], 1) as [Value, Value];
    expect(await slopes(last, [x])).toEqual([[0, 0, 1, 0, 0, 1]]);
    const table = floats([2, 0, 1, 1, 3, 1], [3, 2]);
    expect(await slopes(matmul(x, table), [x])).toEqual([[2, 2, 4, 2, 2, 4]]);
    expect(await slopes(where(equal(row, 20), x, 0), [x])).toEqual([[0, 1, 0, 0, 1, 0]]);
  });

  it("transpose no weight: the product is written in the weight's own layout", () => {
    const weight = input("weight", "f32", [5, 3]);
    const [grad] = gradients(reduceSum(matmul(x, transpose(weight, [1, 0]))), [weight]) as [Value];
    expect(topologicalOrder([grad]).map(({ operator }) => operator.type)).not.toContain("Transpose");
  });

  it("need one number to descend, fixed sizes, and a rule", () => {
    expect(() => gradients(x, [x])).toThrow(/must be a single float32, not x f32 \[2, 3\]/);
    const open = input("open", "f32", ["batch", 3]);
    expect(() => gradients(reduceSum(open), [open])).toThrow(ShapeError);
    expect(() => gradients(reduceSum(open), [open])).toThrow(/size "batch" of open f32 \[batch, 3\] \(ReduceSum\)/);
  });

  it("name an operator without a rule, and forms of operators that no rule covers", () => {
    const indices = constant({ dtype: "i64", shape: [1, 1], data: BigInt64Array.of(0n) });
    const scattered = scatterAdd(x, indices, floats([1], [1, 1]), 0);
    expect(() => gradients(reduceSum(scattered), [x])).toThrow(InputError);
    expect(() => gradients(reduceSum(scattered), [x])).toThrow("operator ScatterElements has no gradient rule");
    const reflected = apply1(operators.get("Pad") as Operator, [x, ints([0, 1, 0, 1])], { mode: "reflect" });
    expect(() => gradients(reduceSum(reflected), [x])).toThrow('no rule for Pad with mode "reflect"');
    const image = input("image", "f32", [1, 2, 3, 5]);
    const larger = [undefined, floats([1, 1, 2, 2])];
    const smooth = apply1(operators.get("Resize") as Operator, [image, ...larger], { mode: "linear" });
    expect(() => gradients(reduceSum(smooth), [image])).toThrow(/no rule for Resize \(linear\)/);
  });
});
