import { expect, it } from "vitest";
import { sumProfile } from "./profile.js";

it("sums kernels by operator, most expensive first", () => {
  const kernel = (operator: string, dur: number) => ({
    cat: "Node",
    name: `${operator}.1_kernel_time`,
    dur,
    args: { op_name: operator },
  });
  const events = [
    kernel("Add", 1000),
    kernel("Conv", 5000),
    { cat: "Node", name: "Conv.1_fence_before", dur: 900, args: { op_name: "Conv" } },
    { cat: "Session", name: "model_run", dur: 99000 },
    kernel("Conv", 2000),
  ];
  expect(sumProfile(events)).toEqual([
    { operator: "Conv", ms: 7, share: 0.875, count: 2 },
    { operator: "Add", ms: 1, share: 0.125, count: 1 },
  ]);
  expect(sumProfile([])).toEqual([]);
});
