import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { finished, follow, tinyJob } from "../../test/support/jobs.js";
import { hasRedis, RedisServer, redisTitle } from "../../test/support/redis.js";
import { InputError, QueueFullError } from "../errors.js";
import { FolderStore } from "./folder-store.js";
import type { RunJob } from "./queue.js";
import { checkRedis } from "./redis-check.js";
import { RedisQueue } from "./redis-queue.js";
import { RedisWorker, type WorkerEvent } from "./redis-worker.js";

describe.skipIf(!hasRedis)(redisTitle("the queue in Redis"), () => {
  let redis: RedisServer;
  let folder: string;
  let queue: RedisQueue;
  let workers: RedisWorker[];
  let troubles: string[];

  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "redis-queue-"));
    queue = new RedisQueue({ url: redis.url, store: new FolderStore(folder), maxQueued: 5 });
    workers = [];
    troubles = [];
  });
  afterEach(async () => {
    // Nothing that Redis refuses: the check for lost workers runs aside, and would fail in silence.
    expect(troubles.filter((message) => message.includes("ERR"))).toEqual([]);
    for (const { id } of await queue.list()) await queue.delete(id);
    await Promise.all(workers.map((worker) => worker.close({ drainMs: 0 })));
    await queue.close();
    await rm(folder, { recursive: true, force: true });
  });

  const work = (run: RunJob) => {
    const store = new FolderStore(folder);
    const onEvent = (event: WorkerEvent) => {
      if (event.type === "trouble") troubles.push(event.message);
    };
    const worker = new RedisWorker({ url: redis.url, store, run, retryDelayMs: 30, lockMs: 1000, onEvent });
    workers.push(worker);
    return worker;
  };
  /** Runs until it is stopped. */
  const endless: RunJob = async (_, { signal }) => {
    await setTimeout(60_000, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  };
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await setTimeout(5);
  };
  const isRunning = (id: string) => until(async () => (await queue.get(id))?.status === "running");

  it("takes jobs, and tells of all that happens to one", async () => {
    await queue.submit({ ...tinyJob(1), id: "first" });
    const job = await queue.submit({ ...tinyJob(2, { seed: undefined }), id: "second", group: "anna" });
    expect(job).toMatchObject({ status: "queued", position: 1, kind: "generate", group: "anna", files: [] });
    expect(await queue.submit({ ...tinyJob(2, { seed: undefined }), id: "second", group: "anna" })).toEqual(job);
    await expect(queue.submit({ ...tinyJob(9), id: "second" })).rejects.toThrow(/different one/);
    await expect(queue.watch("nobody").next()).rejects.toThrow(/no job nobody/);
    const events = follow(queue, "second");
    await setTimeout(50);
    work(async ({ id }, { progress, preview, file }) => {
      await setTimeout(100);
      progress({ unit: "images", done: 0, total: 1, step: 1, steps: 2, images: [{ identity: 0, seed: 5 }] });
      preview({ identity: 0, seed: 5, step: 1, steps: 2, png: new Uint8Array([1, 2, 3]) });
      for (const name of ["0-5.png", "0-5.png"])
        await file({ key: `jobs/${id}/${name}`, contentType: "image/png", byteLength: 3, identity: 0, seed: 5 });
    });
    const seen = await events;
    expect(seen[0]).toEqual({ type: "queued", position: 1 });
    expect(seen.find(({ type }) => type === "preview")).toMatchObject({ step: 1, png: Buffer.from([1, 2, 3]) });
    expect(seen.find(({ type }) => type === "progress")).toMatchObject({ unit: "images", step: 1 });
    expect(seen.filter(({ type }) => type === "file")).toHaveLength(1);
    expect(seen.at(-1)).toMatchObject({ type: "succeeded", job: { files: [{ seed: 5, key: "jobs/second/0-5.png" }] } });
    expect((await queue.list()).map(({ id }) => id)).toEqual(["second", "first"]);
    expect((await queue.list({ group: "anna", statuses: ["succeeded"] })).map(({ id }) => id)).toEqual(["second"]);
    expect(await queue.counts()).toEqual({ queued: 0, running: 0, succeeded: 2, failed: 0, cancelled: 0 });
  });

  it("is bounded; a job that is cancelled leaves its place", async () => {
    for (let i = 0; i < 5; i++) await queue.submit({ ...tinyJob(i), id: `job-${i}` });
    const error = await queue.submit(tinyJob(5)).catch((reason) => reason);
    expect(error).toBeInstanceOf(QueueFullError);
    expect(error.retryAfterSeconds).toBeGreaterThan(0);
    expect([await queue.cancel("job-3"), await queue.cancel("job-3")]).toEqual([true, false]);
    expect(await queue.get("job-3")).toMatchObject({ status: "cancelled" });
    await queue.submit({ ...tinyJob(5), id: "job-5" });
    const runs: string[] = [];
    work(async ({ id }) => void runs.push(id));
    await finished(queue, "job-5");
    expect(runs).toEqual(["job-0", "job-1", "job-2", "job-4", "job-5"]);
    expect(await queue.counts()).toEqual({ queued: 0, running: 0, succeeded: 5, failed: 0, cancelled: 1 });
    expect(await queue.retry("job-3")).toBe(true);
    expect(await finished(queue, "job-3")).toMatchObject({ status: "succeeded" });
  });

  it("tries again what may pass, at once gives up what cannot", async () => {
    let runs = 0;
    work(async ({ input }) => {
      runs++;
      if ((input as { seed: number }).seed === 1) throw new InputError("too large");
      throw new Error("the network is down");
    });
    const refused = await finished(queue, (await queue.submit(tinyJob(1))).id);
    expect(refused).toMatchObject({
      status: "failed",
      attempts: 1,
      error: { code: "ERR_INPUT", message: "too large" },
    });
    const { id } = await queue.submit(tinyJob(2));
    expect(await finished(queue, id)).toMatchObject({ status: "failed", attempts: 3, error: { code: "ERR_INTERNAL" } });
    expect([runs, await queue.retry(id)]).toEqual([4, true]);
    expect(await finished(queue, id)).toMatchObject({ status: "failed", attempts: 3 });
    expect(runs).toBe(7);
  });

  it("stops jobs that run, and removes what is deleted", async () => {
    work(async (job, reporter) => {
      await new FolderStore(folder).write(`jobs/${job.id}/0-1.png`, new Uint8Array(3));
      await endless(job, reporter);
    });
    await queue.submit({ ...tinyJob(1), id: "stopped" });
    await isRunning("stopped");
    const events = follow(queue, "stopped");
    await queue.cancel("stopped");
    expect((await events).at(-1)).toMatchObject({ type: "cancelled" });
    await queue.submit({ ...tinyJob(2), id: "gone" });
    await isRunning("gone");
    expect([await queue.delete("gone"), await queue.delete("gone")]).toEqual([true, false]);
    expect(await queue.get("gone")).toBeUndefined();
    expect(await new FolderStore(folder).stat("jobs/gone/0-1.png")).toBeUndefined();
    expect(await new FolderStore(folder).stat("jobs/stopped/0-1.png")).toBeDefined();
    expect(await queue.counts()).toMatchObject({ queued: 0, running: 0, cancelled: 1, failed: 0 });
  });

  it("removes what a worker that died had still to remove", async () => {
    const worker = work(async () => Promise.reject(new InputError("wrong")));
    await queue.submit({ ...tinyJob(1), id: "left" });
    await finished(queue, "left");
    const client = new Redis(redis.url);
    await client.hset("arc2face:stopping", "left", "deleted");
    expect(await client.exists("arc2face:jobs:left")).toBe(1);
    await worker.ready();
    expect(await client.keys("arc2face:*left*")).toEqual([]);
    expect(await client.hlen("arc2face:stopping")).toBe(0);
    client.disconnect();
  });

  it("puts jobs back that do not end while a worker drains", async () => {
    const draining = work(endless);
    await queue.submit({ ...tinyJob(1), id: "moved" });
    await isRunning("moved");
    await draining.close({ drainMs: 10 });
    expect(await queue.get("moved")).toMatchObject({ status: "queued", attempts: 0 });
    workers = [];
    work(async () => undefined);
    expect(await finished(queue, "moved")).toMatchObject({ status: "succeeded", attempts: 1 });
  });

  it("says what makes a Redis unfit", async () => {
    const warnings: string[] = [];
    await checkRedis(redis.url, (message) => warnings.push(message));
    expect(warnings).toEqual([]);
    await expect(checkRedis("redis://:secret@127.0.0.1:1", () => undefined)).rejects.toThrow(
      /^the Redis at 127.0.0.1:1 /,
    );
    await expect(checkRedis("localhost", () => undefined)).rejects.toThrow(InputError);
  });
});
