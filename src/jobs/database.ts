import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { InputError } from "../errors.js";
import { jobKinds, type Task } from "./input.js";
import {
  type Job,
  type JobError,
  type JobStatus,
  jobErrorSchema,
  jobStatuses,
  type ResultFile,
  resultFileSchema,
} from "./job.js";
import type { ListOptions, QueueCounts } from "./queue.js";
import { Sqlite } from "./sqlite.js";

const schemaVersion = 1;

/** `place` orders the queue: a job that is submitted, or tried again by hand, goes to the end. */
const schema = `
  CREATE TABLE jobs (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    input TEXT NOT NULL,
    "group" TEXT,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    createdAtMs INTEGER NOT NULL,
    notBeforeMs INTEGER NOT NULL DEFAULT 0,
    startedAtMs INTEGER,
    finishedAtMs INTEGER,
    error TEXT
  ) STRICT;
  CREATE INDEX jobsByStatus ON jobs (status, place);
  CREATE INDEX jobsByGroup ON jobs ("group", place);
  CREATE TABLE files (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    file TEXT NOT NULL,
    PRIMARY KEY (job, key)
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${schemaVersion};
`;

/** A column of JSON. */
const json = z.string().transform((text): unknown => JSON.parse(text));

const rowSchema = z.object({
  id: z.string(),
  kind: z.enum(jobKinds),
  input: json,
  group: z.string().nullable(),
  status: z.enum(jobStatuses),
  attempts: z.int(),
  createdAtMs: z.int(),
  startedAtMs: z.int().nullable(),
  finishedAtMs: z.int().nullable(),
  error: json.pipe(jobErrorSchema).nullable(),
  position: z.int().nullable(),
});

const columns = `*, CASE status WHEN 'queued'
  THEN (SELECT count(*) FROM jobs AS earlier WHERE earlier.status = 'queued' AND earlier.place < jobs.place) END AS position`;

/** The jobs of the embedded queue in a SQLite file, which belongs to one process at a time. */
export class JobDatabase {
  private readonly db: Sqlite;

  /**
   * @param path a file, which is made if it is not there, or `:memory:`
   * @throws InputError if another process has it, or it is of a later version
   */
  constructor(path: string) {
    if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
    let db: Sqlite | undefined;
    try {
      db = new Sqlite(path, { isExclusive: true });
      this.db = db;
      this.migrate(path);
    } catch (cause) {
      db?.close();
      if ((cause as { code?: string }).code !== "SQLITE_BUSY") throw cause;
      throw new InputError(`${path} belongs to another process; stop that, or give another folder`, { cause });
    }
  }

  private migrate(path: string): void {
    const row = this.db.prepare("PRAGMA user_version").get() as { user_version: number };
    if (row.user_version === 0) this.db.exec(`BEGIN; ${schema} COMMIT`);
    else if (row.user_version !== schemaVersion)
      throw new InputError(`${path} was written by another version of arc2face (format ${row.user_version}); update`);
  }

  add({ id, kind, input, group }: Task & { id: string; group?: string }, nowMs: number): void {
    this.run('INSERT INTO jobs (id, kind, input, "group", status, createdAtMs) VALUES (?, ?, ?, ?, ?, ?)', [
      ...[id, kind, JSON.stringify(input), group ?? null, "queued", nowMs],
    ]);
  }

  get(id: string): Job | undefined {
    return this.select("WHERE id = ?", [id])[0];
  }

  list({ statuses, kind, group, limit = 100, offset = 0 }: ListOptions): Job[] {
    const conditions = [
      ...(statuses ? [`status IN (${statuses.map(() => "?")})`] : []),
      ...(kind ? ["kind = ?"] : []),
      ...(group === undefined ? [] : ['"group" = ?']),
    ];
    const where = conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : "";
    const values = [...(statuses ?? []), ...(kind ? [kind] : []), ...(group === undefined ? [] : [group])];
    return this.select(`${where} ORDER BY createdAtMs DESC, place DESC LIMIT ? OFFSET ?`, [...values, limit, offset]);
  }

  counts(): QueueCounts {
    const rows = this.db.prepare("SELECT status, count(*) AS jobs FROM jobs GROUP BY status").all();
    const counts = Object.fromEntries(jobStatuses.map((status) => [status, 0])) as Record<JobStatus, number>;
    for (const { status, jobs } of rows as { status: JobStatus; jobs: number }[]) counts[status] = jobs;
    return counts;
  }

  /** Number of jobs that wait: {@link counts} takes longer the more jobs there ever were. */
  waitingCount(): number {
    const row = this.db.prepare("SELECT count(*) AS jobs FROM jobs WHERE status = 'queued'").get();
    return (row as { jobs: number }).jobs;
  }

  /** Ids of the jobs that wait, the next one first. */
  waiting(): string[] {
    const rows = this.db.prepare("SELECT id FROM jobs WHERE status = 'queued' ORDER BY place").all();
    return (rows as { id: string }[]).map(({ id }) => id);
  }

  /** Marks the next job that may begin as running. */
  startNext(nowMs: number): Job | undefined {
    const next = "SELECT place FROM jobs WHERE status = 'queued' AND notBeforeMs <= ? ORDER BY place LIMIT 1";
    const started = this.db
      .prepare(
        `UPDATE jobs SET status = 'running', attempts = attempts + 1, startedAtMs = ?, error = NULL
       WHERE place = (${next}) RETURNING id`,
      )
      .get(nowMs, nowMs) as { id: string } | undefined;
    return started && this.get(started.id);
  }

  /** When the next of the jobs that wait for another attempt may begin; undefined if none waits. */
  nextStartMs(): number | undefined {
    const row = this.db.prepare("SELECT min(notBeforeMs) AS ms FROM jobs WHERE status = 'queued'").get();
    return (row as { ms: number | null }).ms ?? undefined;
  }

  finish(id: string, status: "succeeded" | "failed" | "cancelled", nowMs: number, error?: JobError): void {
    const text = error ? JSON.stringify(error) : null;
    this.run("UPDATE jobs SET status = ?, finishedAtMs = ?, error = ? WHERE id = ?", [status, nowMs, text, id]);
  }

  /** Lets a running job wait for another attempt, at its place in the queue. */
  postpone(id: string, notBeforeMs: number, error: JobError): void {
    this.run("UPDATE jobs SET status = 'queued', notBeforeMs = ?, error = ? WHERE id = ?", [
      ...[notBeforeMs, JSON.stringify(error), id],
    ]);
  }

  /** Queues a running job again, as if this attempt had not been. */
  withdraw(id: string): void {
    this.run("UPDATE jobs SET status = 'queued', attempts = attempts - 1 WHERE id = ?", [id]);
  }

  /** Puts a finished job at the end of the queue, with new attempts. */
  requeue(id: string): void {
    this.run(
      `UPDATE jobs SET status = 'queued', attempts = 0, notBeforeMs = 0, startedAtMs = NULL, finishedAtMs = NULL, error = NULL,
       place = (SELECT max(place) + 1 FROM jobs) WHERE id = ?`,
      [id],
    );
  }

  /** Queues again what was running when the process ended. */
  recover(): void {
    this.run("UPDATE jobs SET status = 'queued' WHERE status = 'running'", []);
  }

  /** Puts a file down. */
  addFile(id: string, file: ResultFile): void {
    const insert = "INSERT OR IGNORE INTO files (job, key, file) VALUES (?, ?, ?)";
    // One that was there already is no progress.
    if (this.run(insert, [id, file.key, JSON.stringify(file)]) > 0) this.advance(id);
  }

  /** Counts attempts anew. */
  advance(id: string): void {
    this.run("UPDATE jobs SET attempts = 1 WHERE id = ?", [id]);
  }

  delete(id: string): void {
    this.run("DELETE FROM jobs WHERE id = ?", [id]);
  }

  /** Takes what was deleted out of the write-ahead log, too; this waits for the disk. */
  forgetDeleted(): void {
    this.db.forgetDeleted();
  }

  /** Mean time of the latest jobs that succeeded; undefined if none has. */
  meanDurationMs(): number | undefined {
    const latest =
      "SELECT finishedAtMs - startedAtMs AS ms FROM jobs WHERE status = 'succeeded' ORDER BY place DESC LIMIT 20";
    const row = this.db.prepare(`SELECT avg(ms) AS ms FROM (${latest})`).get();
    return (row as { ms: number | null }).ms ?? undefined;
  }

  close(): void {
    this.db.close();
  }

  private select(rest: string, values: readonly unknown[]): Job[] {
    const files = this.db.prepare("SELECT file FROM files WHERE job = ? ORDER BY key");
    const rows = this.db.prepare(`SELECT ${columns} FROM jobs ${rest}`).all(...values);
    return rows.map((row) => {
      const { group, startedAtMs, finishedAtMs, error, position, ...job } = rowSchema.parse(row);
      return {
        ...job,
        ...(group === null ? {} : { group }),
        ...(position === null ? {} : { position }),
        ...(startedAtMs === null ? {} : { startedAtMs }),
        ...(finishedAtMs === null ? {} : { finishedAtMs }),
        ...(error === null ? {} : { error }),
        files: files.all(job.id).map((file) => resultFileSchema.parse(JSON.parse((file as { file: string }).file))),
      } as Job;
    });
  }

  /** @returns number of rows changed */
  private run(sql: string, values: readonly unknown[]): number {
    return this.db.prepare(sql).run(...values).changes;
  }
}
