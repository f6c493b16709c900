import type { Problem } from "../api/common.js";
import type { Generation } from "../api/generations.js";
import type { Database } from "../database.js";
import { isoTime, isoTimeOrNull, type Page, page } from "./rows.js";

interface GenerationRow {
  seq: number;
  id: string;
  status: Generation["status"];
  request: string;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  error: string | null;
}

/** What the table holds of a generation; images and progress come from elsewhere. */
export type StoredGeneration = Omit<Generation, "images" | "progress" | "ahead">;

export interface GenerationFilter {
  readonly identity?: string | undefined;
  readonly status?: Generation["status"] | undefined;
}

/** The table of generations. */
export class GenerationTable {
  constructor(private readonly db: Database) {}

  insert(id: string, request: Generation["request"]): void {
    const { identity } = request;
    const [first, second] = typeof identity === "string" ? [identity, null] : [identity.from, identity.to];
    this.db
      .prepare(
        "INSERT INTO generations (id, identity, blended_with, status, request, created_at) VALUES (?, ?, ?, 'queued', ?, ?)",
      )
      .run(id, first, second, JSON.stringify(request), Date.now());
  }

  get(id: string): StoredGeneration | undefined {
    const row = this.db.prepare("SELECT * FROM generations WHERE id = ?").get(id) as GenerationRow | undefined;
    return row && fromRow(row);
  }

  /** Newest first. */
  list(limit: number, cursor: string | undefined, { identity, status }: GenerationFilter): Page<StoredGeneration> {
    const rows = this.db
      .prepare(
        `SELECT * FROM generations WHERE seq < :before
         AND (:identity IS NULL OR identity = :identity OR blended_with = :identity)
         AND (:status IS NULL OR status = :status) ORDER BY seq DESC LIMIT :limit`,
      )
      .all({
        before: cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor),
        identity: identity ?? null,
        status: status ?? null,
        limit: limit + 1,
      }) as GenerationRow[];
    return page(rows, limit, fromRow);
  }

  /** Ids of all that are queued or run. */
  unfinished(): string[] {
    const rows = this.db
      .prepare("SELECT id FROM generations WHERE status IN ('queued', 'running') ORDER BY seq")
      .all() as { id: string }[];
    return rows.map(({ id }) => id);
  }

  /** Ids of all that show an identity, alone or blended. */
  of(identity: string): string[] {
    const rows = this.db
      .prepare("SELECT id FROM generations WHERE identity = :identity OR blended_with = :identity")
      .all({ identity }) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  start(id: string, startedAtMs: number): void {
    this.db.prepare("UPDATE generations SET status = 'running', started_at = ? WHERE id = ?").run(startedAtMs, id);
  }

  finish(id: string, status: Generation["status"], error: Problem | undefined): void {
    this.db
      .prepare("UPDATE generations SET status = ?, finished_at = ?, error = ? WHERE id = ?")
      .run(status, Date.now(), error ? JSON.stringify(error) : null, id);
  }

  requeue(id: string): void {
    this.db.prepare("UPDATE generations SET status = 'queued' WHERE id = ?").run(id);
  }

  delete(id: string): void {
    this.db.prepare("DELETE FROM generations WHERE id = ?").run(id);
  }
}

function fromRow(row: GenerationRow): StoredGeneration {
  return {
    id: row.id,
    status: row.status,
    request: JSON.parse(row.request) as Generation["request"],
    createdAt: isoTime(row.created_at),
    startedAt: isoTimeOrNull(row.started_at),
    finishedAt: isoTimeOrNull(row.finished_at),
    error: row.error === null ? null : (JSON.parse(row.error) as Problem),
  };
}
