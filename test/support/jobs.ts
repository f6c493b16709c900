import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FaceEmbedder } from "../../src/face/embed.js";
import type { Job, JobEvent } from "../../src/jobs/job.js";
import { Pool } from "../../src/jobs/pool.js";
import type { JobQueue, Submission } from "../../src/jobs/queue.js";
import type { Workshop } from "../../src/jobs/runner.js";
import type { ResultStore } from "../../src/jobs/store.js";
import { Arc2Face } from "../../src/pipeline/arc2face.js";
import { fixture } from "./fixtures.js";

/** Numbers of an embedding for the tiny model. */
export const tinyEmbedding = (person = 0): number[] =>
  Array.from({ length: 24 }, (_, i) => Math.sin(i + 7 * person + 1));

/** A job for the tiny model: images of 16x16. */
export const tinyJob = (seed: number, input: Record<string, unknown> = {}): Submission => ({
  kind: "generate",
  input: { model: "tiny", faceEmbeddings: [tinyEmbedding()], seed, steps: 2, size: [16, 16], ...input },
});

/** The tiny model, by any name. */
export const tinyModels = (): Pool<Arc2Face> => new Pool(() => Arc2Face.load(fixture("tiny")));

/** What jobs for the tiny model are done with. */
export function tinyWorkshop(store: ResultStore, models = tinyModels()): Workshop {
  return {
    store,
    models,
    embedders: new Pool<FaceEmbedder>(() => Promise.reject(new Error("no recogniser in this test"))),
  };
}

/** All events of a job, until it is finished. */
export async function follow(queue: JobQueue, id: string): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of queue.watch(id)) events.push(event);
  return events;
}

/** The job once it is finished. */
export async function finished(queue: JobQueue, id: string): Promise<Job> {
  await follow(queue, id);
  return (await queue.get(id))!;
}

/** Every file below a folder with its content, by path. */
export async function readFolder(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = paths.sort().map(async (path) => [path.slice(folder.length + 1), await readFile(path)] as const);
  return new Map(await Promise.all(contents));
}
