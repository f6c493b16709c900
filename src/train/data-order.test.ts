import { expect, it } from "vitest";
import { DataOrder } from "./data-order.js";

const rows = (order: DataOrder, from: number, count: number) =>
  Array.from({ length: count }, (_, i) => order.at(from + i));
const ascending = (values: number[]) => [...values].sort((a, b) => a - b);

it("takes every row once in each pass, in an order of its own, whenever it is asked", () => {
  const order = new DataOrder(7, 1, 3);
  const [first, second] = [rows(order, 0, 7), rows(order, 7, 7)];
  expect(ascending(first)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(ascending(second)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(second).not.toEqual(first);
  expect(rows(new DataOrder(7, 1, 3), 7, 7)).toEqual(second);
  expect(rows(new DataOrder(7, 1, 4), 0, 7)).not.toEqual(first);
});

it("takes a share of the rows, at even distances", () => {
  const order = new DataOrder(10, 0.3, 0);
  expect(order.count).toBe(3);
  expect(ascending(rows(order, 0, 3))).toEqual([0, 3, 6]);
  expect(new DataOrder(10, 0.001, 0).count).toBe(1);
});
