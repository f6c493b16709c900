import { describe, expect, it } from "vitest";
import { ShapeError } from "../../errors.js";
import { input } from "../value.js";
import {
  add,
  attention,
  averagePool,
  cast,
  concat,
  conv,
  convolution,
  convTranspose,
  expand,
  gather,
  matmul,
  maxPoolIndices,
  normalize,
  pad,
  product,
  reduceMean,
  reshape,
  scatterAdd,
  slice,
  split,
  squeeze,
  strided,
  transpose,
  unsqueeze,
  upsampleNearest,
} from "./index.js";

const x = (...shape: (number | string)[]) => input("x", "f32", shape);
const w = (name: string, ...shape: number[]) => input(name, "f32", shape);

describe("shape inference", () => {
  it("broadcasts from the right, symbols with themselves and 1", () => {
    expect(add(x("batch", 3, 1, 7), w("b", 5, 1)).shape).toEqual(["batch", 3, 5, 7]);
    expect(() => add(x(3, 5), w("b", 4))).toThrow("sizes 5 and 4 do not broadcast");
  });

  it("multiplies matrices with broadcast batches", () => {
    expect(matmul(x("batch", 7, 3), w("b", 3, 5)).shape).toEqual(["batch", 7, 5]);
    expect(() => matmul(x(2, 7, 3), w("mid_block.proj.weight", 4, 5))).toThrow(ShapeError);
  });

  it("names operator and weight in its errors", () => {
    expect(() => conv(x(2, 4, 8, 8), w("down_blocks.0.conv1.weight", 5, 3, 3, 3), undefined)).toThrow(
      "Conv(x f32 [2, 4, 8, 8], down_blocks.0.conv1.weight f32 [5, 3, 3, 3]): the input has 4 channels, the weight expects 3",
    );
  });

  it("computes convolution sizes", () => {
    const y = conv(x("batch", 3, 11, 8), w("w", 5, 3, 3, 3), w("b", 5), { stride: 2, padding: [0, 0, 1, 1] });
    expect(y.shape).toEqual(["batch", 5, 5, 4]);
    expect(() => conv(x(1, 3, 2, 8), w("w", 5, 3, 3, 3), undefined)).toThrow("a kernel of 3 does not fit into 2");
    expect(() => conv(x(1, 3, 8, 8), w("w", 5, 3, 3, 3), w("b", 3))).toThrow("5 output channels, but a bias [3]");
  });

  it("reshapes, keeping one symbolic size", () => {
    expect(reshape(x("batch", 6, 5, 7), ["batch", 6, 35]).shape).toEqual(["batch", 6, 35]);
    expect(reshape(x(2, 6), [3, -1]).shape).toEqual([3, 4]);
    expect(() => reshape(x(2, 6), [5, -1])).toThrow(ShapeError);
    expect(reshape(x("batch", 6), ["2*batch", 3]).shape).toEqual(["2*batch", 3]);
    expect(reshape(reshape(x("batch", 6), ["2*batch", 3]), ["batch", 2, 3]).shape).toEqual(["batch", 2, 3]);
    expect(() => reshape(x("batch", 6), ["batch", 5])).toThrow(ShapeError);
    expect(() => reshape(x("batch", 6), ["batch", 3])).toThrow(ShapeError);
  });

  it("moves axes about", () => {
    expect(transpose(x(2, 3, 5), [2, 0, 1]).shape).toEqual([5, 2, 3]);
    expect(() => transpose(x(2, 3), [0, 0])).toThrow("not a permutation");
    expect(unsqueeze(x(3, 5), [0, 3]).shape).toEqual([1, 3, 5, 1]);
    expect(squeeze(x(1, 3, 1), [0, -1]).shape).toEqual([3]);
    expect(() => squeeze(x(2, 3), [0])).toThrow("cannot be dropped");
    expect(concat([x(2, 3), w("y", 2, 5)], 1).shape).toEqual([2, 8]);
    expect(() => concat([x(2, 3), w("y", 4, 5)], 1)).toThrow("axis 0 differ");
    expect(split(x(2, 8), [3, 5], 1).map((part) => part.shape)).toEqual([
      [2, 3],
      [2, 5],
    ]);
    expect(() => split(x(2, 8), [3, 4], 1)).toThrow("does not split");
    expect(slice(x("batch", 9), 1, -4, 8).shape).toEqual(["batch", 3]);
    expect(pad(x("batch", 3), [0, 1, 0, 2]).shape).toEqual(["batch", 6]);
    expect(upsampleNearest(x("batch", 3, 5, 7), 2).shape).toEqual(["batch", 3, 10, 14]);
    expect(gather(w("table", 11, 3), input("tokens", "i64", ["batch", 5])).shape).toEqual(["batch", 5, 3]);
  });

  it("multiplies transposed operands without writing the transpose", () => {
    expect(product(x(2, 5, 3), w("b", 7, 5), { transA: true, transB: true }).shape).toEqual([2, 3, 7]);
    expect(() => product(x(2, 5, 3), w("b", 7, 5), { transB: true })).toThrow("inner sizes 3 and 5 differ");
  });

  it("convolves forth and back over any number of axes", () => {
    const window = { strides: [2], dilations: [3], before: [1], after: [2], group: 1 };
    const y = convolution(x(2, 3, 16), w("w", 5, 3, 4), window);
    expect(y.shape).toEqual([2, 5, 5]);
    expect(convTranspose(y, w("w", 5, 3, 4), { ...window, outputPadding: [1] }).shape).toEqual([2, 3, 16]);
  });

  it("takes strided elements, and cuts off with negative pads", () => {
    expect(strided(x(2, 9, 7), [1, 2], [1, 0], [3, 2], [3, 5]).shape).toEqual([2, 3, 2]);
    expect(pad(x(2, 5), [0, -1, 1, 0]).shape).toEqual([3, 4]);
  });

  it("adds into places, one index for each update", () => {
    const indices = input("indices", "i64", [2, 3]);
    expect(scatterAdd(x(7, 3), indices, w("updates", 2, 3), 0).shape).toEqual([7, 3]);
    expect(() => scatterAdd(x(7, 3), indices, w("updates", 3, 3), 0)).toThrow("indices [2, 3] for updates [3, 3]");
  });

  it("gives statistics and places as further outputs", () => {
    const { normal, inverseStd } = normalize(x(2, 3, 5), 1e-5);
    expect([normal.shape, inverseStd.shape]).toEqual([
      [2, 3, 5],
      [2, 3, 1],
    ]);
    expect(maxPoolIndices(x(2, 3, 6, 8), { kernel_shape: [2, 3] })).toMatchObject({
      dtype: "i64",
      shape: [2, 3, 5, 6],
    });
    expect(averagePool(x(2, 3, 6, 8), { kernel: [2, 4], stride: [2, 4] }).shape).toEqual([2, 3, 3, 2]);
    expect(expand(x(3, 1), [2, 3, 5]).shape).toEqual([2, 3, 5]);
  });

  it("reduces chosen or all axes", () => {
    expect(reduceMean(x("batch", 3, 5), { axes: [-1], keepDims: true }).shape).toEqual(["batch", 3, 1]);
    expect(reduceMean(x(2, 3)).shape).toEqual([]);
  });

  it("checks heads and widths of attention", () => {
    const q = x("batch", 7, 6);
    const k = input("k", "f32", ["batch", 5, 6]);
    expect(attention(q, k, k, { heads: 2 }).shape).toEqual(["batch", 7, 6]);
    expect(() => attention(q, k, k, { heads: 4 })).toThrow("not divisible by 4 heads");
  });

  it("does not mix dtypes", () => {
    const half = input("half", "f16", [3]);
    expect(() => add(x(3), half)).toThrow("dtypes f32 and f16 differ");
    expect(add(x(3), cast(half, "f32")).shape).toEqual([3]);
  });
});
