import { spawn } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listTar } from "../../src/data/tar.js";
import { decodeImage } from "../../src/image/decode.js";
import { readGeneration } from "../../src/image/encode.js";
import { EmbeddedQueue } from "../../src/jobs/embedded-queue.js";
import { FolderStore } from "../../src/jobs/folder-store.js";
import type { Submission } from "../../src/jobs/queue.js";
import { createRunner } from "../../src/jobs/runner.js";
import { readStored } from "../../src/jobs/store.js";
import { finished, follow, readFolder, tinyEmbedding, tinyJob, tinyModels, tinyWorkshop } from "../support/jobs.js";

let folder: string;
const models = tinyModels();
const opened: EmbeddedQueue[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "embedded-"));
});
afterAll(async () => {
  await Promise.all(opened.map((queue) => queue.close({ drainMs: 0 })));
  await models.close();
  await rm(folder, { recursive: true });
});

function open(name: string) {
  const store = new FolderStore(join(folder, name, "store"));
  const run = createRunner(tinyWorkshop(store, models));
  const queue = new EmbeddedQueue({ database: join(folder, name, "jobs.db"), store, run });
  opened.push(queue);
  return { queue, store };
}

describe("jobs of the tiny model", () => {
  it("makes images with previews, and leaves a record in each", async () => {
    const { queue, store } = open("images");
    const people = [tinyEmbedding(0), tinyEmbedding(1)];
    const job = await queue.submit(tinyJob(5, { faceEmbeddings: people, count: 2, steps: 4, previewEveryMs: 1 }));
    const events = await follow(queue, job.id);
    const preview = events.find(({ type }) => type === "preview");
    expect(preview).toMatchObject({ steps: 4 });
    expect(await decodeImage((preview as { png: Uint8Array }).png)).toMatchObject({ widthPx: 16, heightPx: 16 });
    const progress = events.filter(({ type }) => type === "progress").at(-1);
    expect(progress).toMatchObject({ unit: "images", total: 4 });
    const { files, status } = (await queue.get(job.id))!;
    expect(status).toBe("succeeded");
    expect(files.map(({ identity, seed }) => [identity, seed])).toEqual([
      ...[
        [0, 5],
        [0, 6],
        [1, 5],
        [1, 6],
      ],
    ]);
    const png = await readStored(store, files[3]!.key);
    expect(readGeneration(png)).toMatchObject({ seed: 6, steps: 4, widthPx: 16 });
  });

  it("packs a shard of a dataset, the same bytes each time", async () => {
    const { queue, store } = open("shards");
    const submission = {
      ...tinyJob(5, { faceEmbeddings: [tinyEmbedding(0), tinyEmbedding(1)], shard: 7, firstIdentity: 40 }),
      kind: "dataset-shard" as const,
    };
    for (const id of ["one", "two"]) await finished(queue, (await queue.submit({ ...submission, id })).id);
    const path = join(folder, "shards/store/jobs/one/shard-000007.tar");
    const names = [];
    for await (const { name } of listTar(path)) names.push(name);
    expect(names).toEqual(
      [40, 41].flatMap((identity) => ["png", "cls", "json"].map((type) => `000000${identity}_5.${type}`)),
    );
    const [one, two] = await Promise.all(["one", "two"].map((id) => readStored(store, `jobs/${id}/shard-000007.tar`)));
    expect(one).toEqual(two);
    // Nothing else is left.
    expect([...(await readFolder(join(folder, "shards/store"))).keys()]).toHaveLength(2);
  });

  it("says what is wrong with a job that cannot be done", async () => {
    const { queue } = open("wrong");
    const { id } = await queue.submit(tinyJob(5, { faceEmbeddings: [[1, 2]] }));
    const job = await finished(queue, id);
    expect(job).toMatchObject({ status: "failed", attempts: 1, error: { code: "ERR_INPUT" } });
    expect(job.error?.message).toMatch(/2 numbers; this model takes 24/);
  });
});

it("goes on after SIGKILL: what was finished is not made again, and the rest is the same", async () => {
  const submissions: Submission[] = [
    { ...tinyJob(5, { count: 48, steps: 4 }), id: "interrupted" },
    { ...tinyJob(6), id: "waiting" },
  ];
  const data = join(folder, "killed");
  const script = fileURLToPath(new URL("../support/queue-until-killed.ts", import.meta.url));
  const args = ["--import", "tsx", script, data, JSON.stringify(submissions)];
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
  const images = () => readFolder(join(data, "store/jobs/interrupted")).catch(() => new Map<string, Buffer>());
  while ((await images()).size < 3 && child.exitCode === null) await setTimeout(2);
  child.kill("SIGKILL");
  expect(await ended).toBe("SIGKILL");
  const before = await images();
  const whole = [...before.keys()].filter((name) => name.endsWith(".png"));
  expect(whole.length).toBeLessThan(48);
  const times = await Promise.all(
    whole.map(async (name) => (await stat(join(data, "store/jobs/interrupted", name))).mtimeMs),
  );

  const { queue } = open("killed");
  expect(await finished(queue, "interrupted")).toMatchObject({ status: "succeeded", attempts: 1 });
  expect(await finished(queue, "waiting")).toMatchObject({ status: "succeeded" });
  expect((await queue.get("interrupted"))?.files).toHaveLength(48);
  expect(
    await Promise.all(whole.map(async (name) => (await stat(join(data, "store/jobs/interrupted", name))).mtimeMs)),
  ).toEqual(times);

  const undisturbed = open("undisturbed").queue;
  for (const submission of submissions) await finished(undisturbed, (await undisturbed.submit(submission)).id);
  const results = await readFolder(join(data, "store"));
  // A file that was being written when the process died stays beside, and is no result.
  for (const name of results.keys()) if (name.endsWith(".tmp")) results.delete(name);
  expect(results).toEqual(await readFolder(join(folder, "undisturbed/store")));
});
