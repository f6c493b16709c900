import { Sqlite } from "../jobs/sqlite.js";

export type Database = Sqlite;

/**
 * Each is run once, in order; a released one never changes. Embeddings are little-endian float32.
 */
const migrations: readonly string[] = [
  `CREATE TABLE identities (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     name TEXT NOT NULL,
     kind TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     embedding BLOB NOT NULL,
     recogniser TEXT,
     photo_count INTEGER NOT NULL,
     outlier_count INTEGER NOT NULL,
     quality TEXT,
     has_portrait INTEGER NOT NULL,
     photos TEXT NOT NULL
   ) STRICT;
   CREATE TABLE photos (
     id TEXT PRIMARY KEY,
     expires_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE faces (
     photo TEXT NOT NULL REFERENCES photos(id) ON DELETE CASCADE,
     face INTEGER NOT NULL,
     embedding BLOB NOT NULL,
     norm REAL NOT NULL,
     recogniser TEXT NOT NULL,
     quality TEXT NOT NULL,
     PRIMARY KEY (photo, face)
   ) STRICT;
   CREATE TABLE generations (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     identity TEXT NOT NULL REFERENCES identities(id) ON DELETE CASCADE,
     blended_with TEXT REFERENCES identities(id) ON DELETE CASCADE,
     status TEXT NOT NULL,
     request TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     started_at INTEGER,
     finished_at INTEGER,
     error TEXT
   ) STRICT;
   CREATE INDEX generations_identity ON generations(identity);
   CREATE INDEX generations_blended_with ON generations(blended_with);
   CREATE INDEX generations_status ON generations(status);
   CREATE TABLE images (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     generation TEXT NOT NULL REFERENCES generations(id) ON DELETE CASCADE,
     store_key TEXT NOT NULL,
     seed INTEGER NOT NULL,
     width_px INTEGER NOT NULL,
     height_px INTEGER NOT NULL,
     bytes INTEGER NOT NULL,
     sha256 TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     face_found INTEGER,
     similarity REAL,
     threshold REAL,
     record TEXT NOT NULL,
     UNIQUE (generation, seed)
   ) STRICT;
   CREATE TABLE api_keys (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL,
     hash BLOB NOT NULL,
     created_at INTEGER NOT NULL,
     revoked_at INTEGER
   ) STRICT;
   CREATE TABLE sessions (
     hash BLOB PRIMARY KEY,
     key TEXT NOT NULL REFERENCES api_keys(id) ON DELETE CASCADE,
     expires_at INTEGER NOT NULL
   ) STRICT;`,
];

/** How long a writer waits for another process, such as `arc2face keys`. */
const busyTimeoutS = 5;

/** Opens the server's tables, in a file that other processes may open, too. */
export function openDatabase(path: string): Database {
  const db = new Sqlite(path, { timeoutS: busyTimeoutS });
  migrate(db);
  return db;
}

function migrate(db: Database): void {
  db.exec("CREATE TABLE IF NOT EXISTS server_schema (version INTEGER NOT NULL) STRICT");
  const row = db.prepare("SELECT max(version) AS version FROM server_schema").get() as { version: number | null };
  const done = row.version ?? 0;
  for (const [i, sql] of migrations.entries()) {
    if (i < done) continue;
    db.transaction(() => {
      db.exec(sql);
      db.prepare("INSERT INTO server_schema VALUES (?)").run(i + 1);
    });
  }
}
