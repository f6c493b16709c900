import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EmbeddedQueue } from "../../src/jobs/embedded-queue.js";
import { FolderStore } from "../../src/jobs/folder-store.js";
import type { Submission } from "../../src/jobs/queue.js";
import { RedisQueue } from "../../src/jobs/redis-queue.js";
import { createRunner } from "../../src/jobs/runner.js";
import { fixture } from "../support/fixtures.js";
import { finished, readFolder, tinyEmbedding, tinyJob, tinyModels, tinyWorkshop } from "../support/jobs.js";
import { hasRedis, RedisServer, redisTitle } from "../support/redis.js";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const jobCount = 100;

/** Different people, seeds and numbers of images. */
const submissions: Submission[] = Array.from({ length: jobCount }, (_, i) => ({
  ...tinyJob(10 * i, { faceEmbeddings: [tinyEmbedding(i % 7)], count: 1 + (i % 3), steps: 1, guidanceScale: 1 }),
  id: `job-${i}`,
}));
const imageCount = submissions.reduce((sum, { input }) => sum + (input as { count: number }).count, 0);

describe.skipIf(!hasRedis)(redisTitle("workers"), () => {
  let redis: RedisServer;
  let folder: string;
  const workers: ChildProcess[] = [];
  beforeAll(async () => {
    [redis, folder] = await Promise.all([RedisServer.start(), mkdtemp(join(tmpdir(), "workers-"))]);
  });
  afterAll(async () => {
    for (const worker of workers) worker.kill("SIGKILL");
    await redis.stop();
    await rm(folder, { recursive: true });
  });

  /** A worker in a process of its own; its lines of JSON. */
  function startWorker(data: string) {
    const args = ["worker", "--queue", redis.url, "--data", data, "--model", `tiny=${fixture("tiny")}`];
    const options = ["--lost-after", "8", "--threads", "1", "--json"];
    const child = spawn(process.execPath, ["--import", "tsx", main, ...args, ...options]);
    workers.push(child);
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk;
    });
    const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once("close", (_, signal) => resolve(signal)));
    return {
      child,
      ended,
      events: () =>
        text
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line)),
    };
  }

  it("make each of 100 results once, whoever is killed", { timeout: 600_000 }, async () => {
    const data = join(folder, "shared");
    const queue = new RedisQueue({ url: redis.url, store: new FolderStore(data) });
    for (const submission of submissions) await queue.submit(submission);
    const [first, second] = [startWorker(data), startWorker(data)];
    const succeeded = async (atLeast: number) => {
      for (let counts = await queue.counts(); counts.succeeded < atLeast; counts = await queue.counts()) {
        expect(counts.failed).toBe(0);
        await setTimeout(100);
      }
    };
    const times = async () =>
      Promise.all(
        [...(await readFolder(data)).keys()]
          .filter(isImage)
          .map(async (name) => [name, (await stat(join(data, name))).mtimeMs]),
      );

    await succeeded(20);
    first.child.kill("SIGKILL");
    expect(await first.ended).toBe("SIGKILL");
    const before = await times();
    await succeeded(50);
    await redis.kill();
    await setTimeout(200);
    await redis.launch();
    await succeeded(jobCount);

    expect(await queue.counts()).toEqual({ queued: 0, running: 0, succeeded: jobCount, failed: 0, cancelled: 0 });
    const jobs = await queue.list({ limit: jobCount + 1 });
    expect(jobs.map(({ id }) => id).sort()).toEqual(submissions.map(({ id }) => id).sort());
    expect(new Set(jobs.flatMap(({ files }) => files.map(({ key }) => key))).size).toBe(imageCount);
    // What was finished before the worker was killed was not made again.
    expect(Object.fromEntries(await times())).toMatchObject(Object.fromEntries(before));
    expect(before.length).toBeGreaterThan(20);
    expect(before.length).toBeLessThan(imageCount);

    second.child.kill("SIGTERM");
    expect(await second.ended).toBe("SIGTERM");
    const names = second.events().map(({ event }) => event);
    expect([names.at(0), ...names.slice(-2)]).toEqual(["ready", "draining", "stopped"]);
    await queue.close();

    const alone = join(folder, "alone");
    const models = tinyModels();
    const store = new FolderStore(alone);
    const embedded = new EmbeddedQueue({ database: ":memory:", store, run: createRunner(tinyWorkshop(store, models)) });
    for (const submission of submissions) await embedded.submit(submission);
    for (const { id } of submissions) expect(await finished(embedded, id!)).toMatchObject({ status: "succeeded" });
    await embedded.close();
    await models.close();
    const [shared, single] = [await readFolder(data), await readFolder(alone)];
    // A file that was being written when the worker was killed stays beside, and is no result.
    for (const name of shared.keys()) if (!isImage(name)) shared.delete(name);
    expect(single.size).toBe(imageCount);
    expect(shared).toEqual(single);
  });
});

function isImage(name: string): boolean {
  return name.endsWith(".png");
}
