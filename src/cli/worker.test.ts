import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cli } from "../../test/support/cli.js";
import { fixture } from "../../test/support/fixtures.js";
import { finished, tinyJob } from "../../test/support/jobs.js";
import { hasRedis, RedisServer, redisTitle } from "../../test/support/redis.js";
import { FolderStore } from "../jobs/folder-store.js";
import { RedisQueue } from "../jobs/redis-queue.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "worker-"));
});
afterAll(() => rm(folder, { recursive: true }));

it.each([
  { args: ["--queue", "localhost"], message: /address is none of a Redis; give redis:\/\/host:port/ },
  { args: ["--queue", "redis://:secret@127.0.0.1:1"], message: /^error: the Redis at 127\.0\.0\.1:1 cannot be used/ },
  { args: ["--queue", "redis://x", "--model", "../x"], message: /Give the name of a known model, or NAME=SOURCE/ },
  { args: [], message: /required option '--queue <url>'/ },
])("says what is wrong: $args", async ({ args, message }) => {
  const { status, stderr } = await cli(["worker", "--data", folder, ...args]);
  expect(status).toBe(2);
  expect(stderr).toMatch(message);
});

describe.skipIf(!hasRedis)(redisTitle("with a Redis"), () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  it("does jobs, says so, and ends when it is interrupted", async () => {
    const data = join(folder, "data");
    const queue = new RedisQueue({ url: redis.url, store: new FolderStore(data) });
    const interruption = new AbortController();
    const args = ["worker", "--queue", redis.url, "--data", data, "--model", `tiny=${fixture("tiny")}`];
    const worker = cli(args, { signal: interruption.signal });
    await queue.submit({ ...tinyJob(7), id: "made" });
    await queue.submit({ ...tinyJob(7, { model: "other" }), id: "unknown" });
    expect(await finished(queue, "made")).toMatchObject({ status: "succeeded" });
    expect((await finished(queue, "unknown")).error?.message).toBe("there is no model other here; there are tiny");
    interruption.abort();
    const { status, stdout, stderr } = await worker;
    expect([status, stdout]).toEqual([0, ""]);
    const lines = stderr.trim().split("\n");
    expect(lines.map((line) => line.split(" ").slice(1, 3).join(" "))).toEqual([
      `ready data=${data}`,
      "started job=made",
      "done job=made",
      "started job=unknown",
      "failed job=unknown",
      "draining seconds=30",
      "stopped",
    ]);
    expect(await readdir(join(data, "jobs/made"))).toEqual(["0-7.png"]);
    await queue.close();
  });
});
