import type { RecogniserId } from "../../face/recogniser.js";
import type { Database } from "../database.js";
import type { AnalysedPhoto } from "../faces/analyser.js";
import { newId } from "../ids.js";
import { fromBlob, toBlob } from "./rows.js";

interface FaceRow {
  embedding: Buffer;
  norm: number;
  recogniser: string;
  quality: string;
}

/** A face of a photo that was uploaded and may become an identity. */
export interface StoredFace {
  /** float32 [E], unit norm */
  readonly embedding: Float32Array;
  readonly norm: number;
  readonly recogniser: RecogniserId;
  readonly quality: { score: number; reasons: string[] };
}

/** How long a photo waits to become an identity. */
const waitMs = 3600_000;

/** The table of photos that wait to become identities. */
export class PhotoTable {
  constructor(private readonly db: Database) {}

  insert(photo: AnalysedPhoto, recogniser: RecogniserId): { id: string; expiresAtMs: number } {
    const id = newId();
    const expiresAtMs = Date.now() + waitMs;
    this.db.transaction(() => {
      this.db.prepare("INSERT INTO photos VALUES (?, ?)").run(id, expiresAtMs);
      const insert = this.db.prepare("INSERT INTO faces VALUES (?, ?, ?, ?, ?, ?)");
      for (const [index, { embedding, norm, quality }] of photo.faces.entries()) {
        insert.run(id, index, toBlob(embedding), norm, JSON.stringify(recogniser), JSON.stringify(quality));
      }
    });
    return { id, expiresAtMs };
  }

  face(photo: string, index: number): StoredFace | undefined {
    const row = this.db
      .prepare(
        "SELECT faces.* FROM faces JOIN photos ON photos.id = photo WHERE photo = ? AND face = ? AND expires_at > ?",
      )
      .get(photo, index, Date.now()) as FaceRow | undefined;
    return (
      row && {
        embedding: fromBlob(row.embedding),
        norm: row.norm,
        recogniser: JSON.parse(row.recogniser) as RecogniserId,
        quality: JSON.parse(row.quality) as StoredFace["quality"],
      }
    );
  }

  count(): number {
    return (this.db.prepare("SELECT count(*) AS count FROM photos").get() as { count: number }).count;
  }

  /** Ids of photos that have waited long enough. */
  expired(): string[] {
    const rows = this.db.prepare("SELECT id FROM photos WHERE expires_at <= ?").all(Date.now()) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  delete(id: string): void {
    this.db.prepare("DELETE FROM photos WHERE id = ?").run(id);
  }
}
