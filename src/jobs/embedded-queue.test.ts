import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { finished, follow, tinyJob } from "../../test/support/jobs.js";
import { InputError, QueueFullError } from "../errors.js";
import { EmbeddedQueue, type EmbeddedQueueOptions } from "./embedded-queue.js";
import { FolderStore } from "./folder-store.js";
import type { JobEvent } from "./job.js";
import type { RunJob } from "./queue.js";

let folder: string;
let queue: EmbeddedQueue;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "queue-"));
});
afterEach(async () => {
  await queue.close({ drainMs: 0 });
  await rm(folder, { recursive: true });
});

const open = (run: RunJob, options: Partial<EmbeddedQueueOptions> = {}) => {
  const store = new FolderStore(join(folder, "store"));
  queue = new EmbeddedQueue({ database: join(folder, "jobs.db"), store, run, retryDelayMs: 1, ...options });
  return queue;
};

/** Lets the test say when a job goes on; jobs obey their signal. */
function gate() {
  const waiting: (() => void)[] = [];
  const run: RunJob = (_, { signal }) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason));
      waiting.push(resolve);
    });
  return { run, open: () => waiting.shift()!(), waiting };
}

const image = (name: string) => ({ key: `jobs/x/${name}`, contentType: "image/png", byteLength: 3 });
const types = (events: readonly JobEvent[]) => events.map(({ type }) => type);

describe("submit", () => {
  it("checks the input, draws the seed, and keeps what was asked", async () => {
    open(gate().run);
    const job = await queue.submit({ ...tinyJob(0, { seed: undefined, count: 3 }), group: "anna" });
    expect(job).toMatchObject({ kind: "generate", group: "anna", files: [], attempts: 1, status: "running" });
    expect((job.input as { seed: number }).seed).toBeLessThan(2 ** 32 - 3);
    expect(await queue.get(job.id)).toEqual(job);
    await expect(queue.submit(tinyJob(0, { count: 0 }))).rejects.toThrow(/generate job: .*count/s);
    await expect(queue.submit(tinyJob(2 ** 32 - 1, { count: 2 }))).rejects.toThrow(/no room for 2 images/);
    await expect(queue.submit({ kind: "paint" as "embed", input: {} })).rejects.toThrow(/no job kind "paint"/);
    await expect(queue.submit({ ...tinyJob(0), id: "../x" })).rejects.toThrow(InputError);
  });

  it("gives the same job for the same id, and refuses another under it", async () => {
    open(gate().run);
    const job = await queue.submit({ ...tinyJob(0, { seed: undefined }), id: "mine" });
    expect(await queue.submit({ ...tinyJob(0, { seed: undefined }), id: "mine" })).toEqual(job);
    await expect(queue.submit({ ...tinyJob(0, { steps: 3 }), id: "mine" })).rejects.toThrow(/different one/);
    expect(await queue.counts()).toMatchObject({ queued: 0, running: 1 });
  });

  it("says when a full queue has room again", async () => {
    open(gate().run, { maxQueued: 2 });
    for (const seed of [1, 2, 3]) await queue.submit(tinyJob(seed));
    const error = await queue.submit(tinyJob(4)).catch((reason) => reason);
    expect(error).toBeInstanceOf(QueueFullError);
    expect(error.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    const waiting = await queue.list({ statuses: ["queued"] });
    await queue.cancel(waiting[0]!.id);
    await queue.submit(tinyJob(4));
  });
});

describe("watch", () => {
  it("tells of the place in the queue, the start, files, progress and the end", async () => {
    const run: RunJob = async ({ id }, { progress, preview, file }) => {
      progress({ unit: "images", done: 0, total: 1, step: 1, steps: 2 });
      preview({ identity: 0, seed: 5, step: 1, steps: 2, png: new Uint8Array([1]) });
      await file({ key: `jobs/${id}/0-5.png`, contentType: "image/png", byteLength: 3 });
      await file({ key: `jobs/${id}/0-5.png`, contentType: "image/png", byteLength: 3 });
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const { run: wait, open: goOn } = gate();
    open((job, reporter) => (job.id === "third" ? run : wait)(job, reporter));
    await queue.submit({ ...tinyJob(1), id: "first" });
    await queue.submit({ ...tinyJob(2), id: "second" });
    const job = await queue.submit({ ...tinyJob(3), id: "third" });
    expect(job).toMatchObject({ status: "queued", position: 1 });
    const events: JobEvent[] = [];
    for await (const event of queue.watch("third")) {
      events.push(event);
      if (event.type === "queued") goOn();
    }
    expect(types(events).filter((type) => type !== "queued")).toEqual([
      ...["progress", "preview", "started", "file", "succeeded"],
    ]);
    expect(events.filter(({ type }) => type === "queued")).toEqual([
      { type: "queued", position: 1 },
      { type: "queued", position: 0 },
    ]);
    // Whoever comes later is told what was.
    expect(types(await follow(queue, "third"))).toEqual(["started", "file", "succeeded"]);
  });

  it("looks at a job when that has changed, not when others have", async () => {
    const { run, open: goOn, waiting } = gate();
    open(run);
    const ids = Array.from({ length: 20 }, (_, i) => `job-${i}`);
    for (const id of ids) await queue.submit({ ...tinyJob(1), id });
    const looks = vi.spyOn(queue, "get");
    const watched = Promise.all(ids.map((id) => follow(queue, id)));
    for (const _ of ids) {
      await vi.waitUntil(() => waiting.length > 0, { interval: 1 });
      goOn();
    }
    await watched;
    // At first, when it starts, and when it ends.
    expect(looks.mock.calls.length).toBeLessThanOrEqual(3 * ids.length);
  });

  it("keeps the newest only for a reader that does not read", async () => {
    const { run: wait, open: goOn } = gate();
    open(async (job, reporter) => {
      for (let done = 0; done < 1000; done++) reporter.progress({ unit: "images", done, total: 1000 });
      await wait(job, reporter);
    });
    const { id } = await queue.submit(tinyJob(1));
    const events = queue.watch(id);
    expect((await events.next()).value).toMatchObject({ type: "started" });
    goOn();
    await finished(queue, id);
    const rest: JobEvent[] = [];
    for await (const event of events) rest.push(event);
    expect(types(rest).length).toBeLessThanOrEqual(2);
    expect(rest.at(-1)).toMatchObject({ type: "succeeded" });
  });

  it("ends with its signal, with the queue, and for a job that is not there", async () => {
    open(gate().run);
    const { id } = await queue.submit(tinyJob(1));
    const leaving = new AbortController();
    const left = (async () => {
      for await (const event of queue.watch(id, leaving.signal)) if (event.type === "started") leaving.abort();
    })();
    await left;
    await expect(queue.watch("nobody").next()).rejects.toThrow(/no job nobody/);
    const events = follow(queue, id);
    await queue.close({ drainMs: 0 });
    expect(types(await events)).not.toContain("succeeded");
  });
});

describe("attempts", () => {
  it("tries again what may pass, at once gives up what cannot", async () => {
    let runs = 0;
    open(
      async ({ input }) => {
        runs++;
        await new Promise((resolve) => setTimeout(resolve, 5));
        if ((input as { seed: number }).seed === 1) throw new InputError("too large");
        if (runs < 3) throw new Error("the network is down");
      },
      { retryDelayMs: 50 },
    );
    expect(await finished(queue, (await queue.submit(tinyJob(1))).id)).toMatchObject({
      status: "failed",
      attempts: 1,
      error: { code: "ERR_INPUT", message: "too large" },
    });
    const { id } = await queue.submit(tinyJob(2));
    const events = await follow(queue, id);
    expect(types(events)).toContain("retrying");
    expect(await queue.get(id)).toMatchObject({ status: "succeeded", attempts: 2 });
  });

  it("gives up after attempts that finish nothing, and counts anew when something is finished", async () => {
    let runs = 0;
    open(async (_, { file }) => {
      runs++;
      if (runs <= 4) await file(image(`${runs}.png`));
      throw new Error("again");
    });
    const job = await finished(queue, (await queue.submit(tinyJob(1))).id);
    // Attempts 1 to 4 finish a file each; 4, 5 and 6 are the three since the last.
    expect([job.status, runs, job.files.length]).toEqual(["failed", 6, 4]);
    expect(await queue.retry(job.id)).toBe(true);
    expect((await finished(queue, job.id)).files.length).toBe(4);
    expect(runs).toBe(9);
  });
});

describe("ending jobs", () => {
  it("cancels what waits and what runs, and tries again on request", async () => {
    const { run, open: goOn, waiting } = gate();
    open(run);
    for (const id of ["runs", "waits"]) await queue.submit({ ...tinyJob(1), id });
    const events = follow(queue, "runs");
    expect([await queue.cancel("waits"), await queue.cancel("runs"), await queue.cancel("runs")]).toEqual([
      ...[true, true, false],
    ]);
    expect((await events).at(-1)).toMatchObject({ type: "cancelled" });
    expect(await queue.counts()).toMatchObject({ cancelled: 2, queued: 0, running: 0 });
    expect([await queue.retry("runs"), await queue.retry("runs"), await queue.retry("none")]).toEqual([
      ...[true, false, false],
    ]);
    waiting.shift();
    goOn();
    expect(await finished(queue, "runs")).toMatchObject({ status: "succeeded" });
  });

  it("deletes a job with its files, also while it runs", async () => {
    const store = new FolderStore(join(folder, "store"));
    const write = async (id: string) => store.write(`jobs/${id}/0-1.png`, new Uint8Array(3));
    const started = gate();
    open(async (job, reporter) => {
      await write(job.id);
      // Ends late, and writes once more.
      await started.run(job, reporter).finally(() => write(job.id));
    });
    const { id } = await queue.submit({ ...tinyJob(1), group: "anna" });
    await queue.submit({ ...tinyJob(1), id: "other" });
    while (!(await store.stat(`jobs/${id}/0-1.png`))) await new Promise((resolve) => setTimeout(resolve, 1));
    expect((await queue.list({ group: "anna" })).map((job) => job.id)).toEqual([id]);
    expect([await queue.delete(id), await queue.delete(id)]).toEqual([true, false]);
    expect(await store.stat(`jobs/${id}/0-1.png`)).toBeUndefined();
    expect((await queue.list()).map((job) => job.id)).toEqual(["other"]);
  });
});

describe("across processes", () => {
  it("drains: what ends in time ends, the rest waits for the next process", async () => {
    const { run, open: goOn } = gate();
    open(run, { concurrency: 2 });
    for (const id of ["fast", "slow", "waits"]) await queue.submit({ ...tinyJob(1), id });
    goOn();
    await finished(queue, "fast");
    await queue.close({ drainMs: 5 });
    await expect(queue.get("fast")).rejects.toThrow();
    open(async () => undefined);
    for (const id of ["slow", "waits"])
      expect(await finished(queue, id)).toMatchObject({ status: "succeeded", attempts: 1 });
    expect((await queue.list({ limit: 2, offset: 1 })).map(({ id }) => id)).toEqual(["slow", "fast"]);
  });

  it("leaves the database to one process", async () => {
    open(gate().run);
    const options = { database: join(folder, "jobs.db"), store: new FolderStore(folder), run: gate().run };
    expect(() => new EmbeddedQueue(options)).toThrow(/belongs to another process/);
  });
});
