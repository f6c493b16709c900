import type { RecogniserId } from "../../face/recogniser.js";
import type { Identity } from "../api/identities.js";
import type { Database } from "../database.js";
import { newId } from "../ids.js";
import { fromBlob, isoTime, type Page, page, toBlob } from "./rows.js";

interface IdentityRow {
  seq: number;
  id: string;
  name: string;
  kind: Identity["kind"];
  created_at: number;
  embedding: Buffer;
  recogniser: string | null;
  photo_count: number;
  outlier_count: number;
  quality: string | null;
  has_portrait: number;
  photos: string;
  generation_count: number;
  latest_image: string | null;
}

export interface NewIdentityRow {
  readonly name: string;
  readonly kind: Identity["kind"];
  /** float32 [E], unit norm */
  readonly embedding: Float32Array;
  readonly recogniser: RecogniserId | undefined;
  readonly photoCount: number;
  readonly outlierCount: number;
  readonly quality: Identity["quality"];
  readonly hasPortrait: boolean;
  /** Ids of the photos that it was made of, which go with it. */
  readonly photos: readonly string[];
}

/** An identity with what the API does not show. */
export interface StoredIdentity {
  readonly identity: Identity;
  readonly embedding: Float32Array;
  readonly hasPortrait: boolean;
  readonly photos: readonly string[];
}

const select = `SELECT identities.*,
  (SELECT count(*) FROM generations WHERE identity = identities.id OR blended_with = identities.id) AS generation_count,
  (SELECT images.id FROM images JOIN generations ON generations.id = images.generation
   WHERE generations.identity = identities.id AND blended_with IS NULL ORDER BY images.seq DESC LIMIT 1) AS latest_image
  FROM identities`;

/** The table of identities. */
export class IdentityTable {
  constructor(private readonly db: Database) {}

  insert(row: NewIdentityRow, id = newId()): Identity {
    this.db
      .prepare(
        `INSERT INTO identities (id, name, kind, created_at, embedding, recogniser, photo_count, outlier_count, quality,
         has_portrait, photos) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        id,
        row.name,
        row.kind,
        Date.now(),
        toBlob(row.embedding),
        row.recogniser ? JSON.stringify(row.recogniser) : null,
        row.photoCount,
        row.outlierCount,
        row.quality ? JSON.stringify(row.quality) : null,
        row.hasPortrait ? 1 : 0,
        JSON.stringify(row.photos),
      );
    return this.get(id)!.identity;
  }

  get(id: string): StoredIdentity | undefined {
    const row = this.db.prepare(`${select} WHERE id = ?`).get(id) as IdentityRow | undefined;
    return row && fromRow(row);
  }

  /** Newest first. */
  list(limit: number, cursor: string | undefined): Page<Identity> {
    const rows = this.db
      .prepare(`${select} WHERE seq < ? ORDER BY seq DESC LIMIT ?`)
      .all(cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor), limit + 1) as IdentityRow[];
    return page(rows, limit, (row) => fromRow(row).identity);
  }

  rename(id: string, name: string): void {
    this.db.prepare("UPDATE identities SET name = ? WHERE id = ?").run(name, id);
  }

  /** With its generations and images. */
  delete(id: string): void {
    this.db.prepare("DELETE FROM identities WHERE id = ?").run(id);
  }

  count(): number {
    return (this.db.prepare("SELECT count(*) AS count FROM identities").get() as { count: number }).count;
  }
}

function fromRow(row: IdentityRow): StoredIdentity {
  const hasPortrait = row.has_portrait === 1;
  const latest = row.latest_image === null ? null : `/api/v1/images/${row.latest_image}`;
  return {
    embedding: fromBlob(row.embedding),
    hasPortrait,
    photos: JSON.parse(row.photos) as string[],
    identity: {
      id: row.id,
      name: row.name,
      kind: row.kind,
      createdAt: isoTime(row.created_at),
      photoCount: row.photo_count,
      outlierCount: row.outlier_count,
      quality: row.quality === null ? null : (JSON.parse(row.quality) as Identity["quality"]),
      portraitUrl: hasPortrait ? `/api/v1/identities/${row.id}/photo` : latest,
      generationCount: row.generation_count,
      recogniser: row.recogniser === null ? null : (JSON.parse(row.recogniser) as RecogniserId),
    },
  };
}
