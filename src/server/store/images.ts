import type { Image, ImageMetadata } from "../api/images.js";
import type { Database } from "../database.js";
import { newId } from "../ids.js";
import { isoTime } from "./rows.js";

interface ImageRow {
  id: string;
  generation: string;
  store_key: string;
  seed: number;
  width_px: number;
  height_px: number;
  bytes: number;
  sha256: string;
  created_at: number;
  face_found: number | null;
  similarity: number | null;
  threshold: number | null;
  record: string;
}

export interface NewImageRow {
  readonly generation: string;
  /** In the result store. */
  readonly storeKey: string;
  readonly seed: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly faceFound: boolean | null;
  readonly similarity: number | null;
  readonly threshold: number | null;
  readonly record: Record<string, unknown>;
}

export interface StoredImage {
  readonly metadata: ImageMetadata;
  readonly storeKey: string;
}

/** Cosines this far around the threshold decide nothing. */
const unsureRange = 0.05;

/** The table of finished images. */
export class ImageTable {
  constructor(private readonly db: Database) {}

  /** An image that is there already stays as it is. */
  insert(row: NewImageRow): void {
    this.db
      .prepare(
        `INSERT INTO images (id, generation, store_key, seed, width_px, height_px, bytes, sha256, created_at, face_found,
         similarity, threshold, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (generation, seed) DO NOTHING`,
      )
      .run(
        newId(),
        row.generation,
        row.storeKey,
        row.seed,
        row.widthPx,
        row.heightPx,
        row.bytes,
        row.sha256,
        Date.now(),
        row.faceFound === null ? null : Number(row.faceFound),
        row.similarity,
        row.threshold,
        JSON.stringify(row.record),
      );
  }

  has(generation: string, seed: number): boolean {
    return (
      this.db.prepare("SELECT 1 FROM images WHERE generation = ? AND seed = ?").get(generation, seed) !== undefined
    );
  }

  get(id: string): StoredImage | undefined {
    const row = this.db.prepare("SELECT * FROM images WHERE id = ?").get(id) as ImageRow | undefined;
    return row && { metadata: toMetadata(row), storeKey: row.store_key };
  }

  /** Where those of one generation lie, in order of their seeds. */
  stored(generation: string): { seed: number; storeKey: string }[] {
    return this.db
      .prepare("SELECT seed, store_key AS storeKey FROM images WHERE generation = ? ORDER BY seed")
      .all(generation) as { seed: number; storeKey: string }[];
  }

  /** Of one generation, in order of their seeds. */
  shown(generation: string): Image[] {
    const rows = this.db
      .prepare(`SELECT ${shownColumns} FROM images WHERE generation = ? ORDER BY seed`)
      .all(generation);
    return (rows as ShownRow[]).map(toImage);
  }

  /** Of one generation, in the order in which they were finished. */
  finished(generation: string, from: number): Image[] {
    const rows = this.db
      .prepare(`SELECT ${shownColumns} FROM images WHERE generation = ? ORDER BY seq LIMIT -1 OFFSET ?`)
      .all(generation, from);
    return (rows as ShownRow[]).map(toImage);
  }
}

/** The part of an image that is shown everywhere: without the record, which is long. */
const shownColumns = "id, seed, width_px, height_px, face_found, similarity, threshold";
type ShownRow = Pick<ImageRow, "id" | "seed" | "width_px" | "height_px" | "face_found" | "similarity" | "threshold">;

function toImage(row: ShownRow): Image {
  const faceFound = row.face_found === null ? null : row.face_found === 1;
  return {
    id: row.id,
    seed: row.seed,
    widthPx: row.width_px,
    heightPx: row.height_px,
    url: `/api/v1/images/${row.id}`,
    faceFound,
    similarity: row.similarity,
    verdict: judge(faceFound, row.similarity, row.threshold),
  };
}

function toMetadata(row: ImageRow): ImageMetadata {
  return {
    ...toImage(row),
    generation: row.generation,
    createdAt: isoTime(row.created_at),
    bytes: row.bytes,
    sha256: row.sha256,
    threshold: row.threshold,
    record: JSON.parse(row.record) as Record<string, unknown>,
  };
}

function judge(faceFound: boolean | null, similarity: number | null, threshold: number | null): Image["verdict"] {
  if (faceFound === false) return "different";
  if (similarity === null || threshold === null) return null;
  if (similarity >= threshold + unsureRange) return "same";
  return similarity >= threshold - unsureRange ? "unsure" : "different";
}
