import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Progress } from "./progress.js";

/** Progress at times given by hand. */
function progressAt() {
  const stderr = new PassThrough();
  const clock = { ms: 0 };
  const progress = new Progress({ stderr, isTTY: false }, () => clock.ms);
  const at = (seconds: number, done: number, total: number, unit: "steps" | "bytes" = "steps") => {
    clock.ms = 1000 * seconds;
    progress.update({ label: "work", done, total, unit });
  };
  return { at, written: () => String(stderr.read() ?? "") };
}

test("without a terminal, a line is written every ten seconds, with rate and time left since the first report", () => {
  const { at, written } = progressAt();
  at(100, 1, 61);
  at(105, 11, 61);
  expect(written()).toBe("");
  at(110, 21, 61);
  expect(written()).toBe("work: 21/61 steps, 2.0 steps/s, 0:20 left\n");
  at(119, 30, 61);
  expect(written()).toBe("");
  at(120, 31, 61);
  expect(written()).toBe("work: 31/61 steps, 1.5 steps/s, 0:20 left\n");
});

test("slow steps are given in seconds each, long times in hours", () => {
  const { at, written } = progressAt();
  at(0, 1, 1001);
  at(10, 2, 1001);
  expect(written()).toBe("work: 2/1001 steps, 10.0 s/step, 2:46:30 left\n");
});

test("bytes are given in MB; what was there at the start does not count for the rate", () => {
  const { at, written } = progressAt();
  at(0, 1_000_000_000, 3_000_000_000, "bytes");
  at(10, 1_200_000_000, 3_000_000_000, "bytes");
  expect(written()).toBe("work: 1,200.0/3,000.0 MB, 20.0 MB/s, 1:30 left\n");
});

test("nothing is said of a rate that is not known yet", () => {
  const { at, written } = progressAt();
  at(0, 0, 5);
  at(10, 0, 5);
  expect(written()).toBe("work: 0/5 steps\n");
});
