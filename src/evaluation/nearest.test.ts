import { expect, test } from "vitest";
import { angle } from "../../test/support/fake-generator.js";
import { findNearest } from "./nearest.js";

const rows = [170, 20, 95].map(angle);
const dataset = { count: 3, readEmbedding: async (row: number) => rows[row]! };

test("each face gets the row that points most nearly its way", async () => {
  const progress: number[] = [];
  const onProgress = (done: number) => progress.push(done);
  const nearest = await findNearest([angle(90), angle(0), angle(140)], dataset, { onProgress });
  expect(nearest.map(({ row }) => row)).toEqual([2, 1, 0]);
  expect(nearest.map(({ similarity }) => similarity)).toEqual(
    [5, 20, 30].map((degrees) => expect.closeTo(Math.cos((degrees * Math.PI) / 180), 6)),
  );
  expect(progress).toEqual([1, 2, 3]);
});

test("an abort stops it", async () => {
  await expect(findNearest([angle(0)], dataset, { signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow(
    "stop",
  );
});
