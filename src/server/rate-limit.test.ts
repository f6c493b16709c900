import { expect, it } from "vitest";
import { RateLimiter } from "./rate-limit.js";

it("lets a burst through, then what comes back each second, for each client its own", () => {
  let nowMs = 0;
  const limiter = new RateLimiter({ burst: 3, perSecond: 2 }, () => nowMs);
  expect([1, 2, 3, 4].map(() => limiter.take("a"))).toEqual([0, 0, 0, 0.5]);
  expect(limiter.take("b")).toBe(0);
  nowMs = 400;
  expect(limiter.take("a")).toBeCloseTo(0.1);
  nowMs = 500;
  expect(limiter.take("a")).toBe(0);
  nowMs = 60_000;
  expect([1, 2, 3, 4].map(() => limiter.take("a"))).toEqual([0, 0, 0, 0.5]);
});

it("tells the wait without taking anything", () => {
  const limiter = new RateLimiter({ burst: 1, perSecond: 0.25 }, () => 0);
  expect([limiter.wait("a"), limiter.wait("a")]).toEqual([0, 0]);
  limiter.take("a");
  expect(limiter.wait("a")).toBe(4);
});

it("forgets who was away longest, so that its memory is bounded", () => {
  const limiter = new RateLimiter({ burst: 1, perSecond: 1e-9 }, () => 0);
  limiter.take("first");
  for (let i = 0; i < 10_000; i++) limiter.take(`other ${i}`);
  expect(limiter.take("first")).toBe(0);
});
