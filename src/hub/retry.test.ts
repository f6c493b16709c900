import { expect, test, vi } from "vitest";
import { DownloadError } from "../errors.js";
import { TransientError, withRetries } from "./retry.js";

const options = { retryDelayMs: 1 };

test("gives up after five failures in a row, and says so", async () => {
  const attempt = vi.fn(async () => {
    throw new TransientError("busy");
  });
  await expect(withRetries(attempt, options)).rejects.toThrow(
    new DownloadError("busy. Gave up after 5 attempts; check the network, then run it again"),
  );
  expect(attempt).toHaveBeenCalledTimes(5);
});

test("failures with progress do not count towards giving up", async () => {
  let calls = 0;
  const attempt = async () => {
    calls += 1;
    if (calls <= 12) throw new TransientError("cut", { progressed: true });
    return calls;
  };
  expect(await withRetries(attempt, options)).toBe(13);
});

test("another error is not retried", async () => {
  const attempt = vi.fn(async () => {
    throw new RangeError("bug");
  });
  await expect(withRetries(attempt, options)).rejects.toThrow(RangeError);
  expect(attempt).toHaveBeenCalledTimes(1);
});

test("an abort ends the pause, with its own reason", async () => {
  const controller = new AbortController();
  const attempt = async () => {
    setTimeout(() => controller.abort(new Error("stop it")), 5);
    throw new TransientError("busy", { retryAfterMs: 50_000 });
  };
  await expect(withRetries(attempt, { signal: controller.signal })).rejects.toThrow("stop it");
});
