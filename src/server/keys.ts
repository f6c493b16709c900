import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { InputError } from "../errors.js";
import type { Database } from "./database.js";

/** An API key as it can be shown: the secret is shown once, when it is made. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly revokedAt: string | null;
}

interface KeyRow {
  id: string;
  name: string;
  hash: Buffer;
  created_at: number;
  revoked_at: number | null;
}

/** `a2f_ID_SECRET`; the secret holds 256 random bits. */
const keyPattern = /^a2f_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;
const sessionMs = 12 * 3600_000;

/**
 * API keys and browsers' sessions. Stored are SHA-256 hashes: of 256 random bits none can be guessed, so there is nothing
 * that a slow hash would slow down.
 */
export class KeyStore {
  constructor(private readonly db: Database) {}

  /** @returns the key with its secret, which cannot be had again */
  create(name: string): ApiKey & { secret: string } {
    const id = randomBytes(6).toString("hex");
    const secret = `a2f_${id}_${randomBytes(32).toString("base64url")}`;
    const createdAt = Date.now();
    this.db
      .prepare("INSERT INTO api_keys (id, name, hash, created_at) VALUES (?, ?, ?, ?)")
      .run(id, name, hash(secret), createdAt);
    return { id, name, createdAt: new Date(createdAt).toISOString(), revokedAt: null, secret };
  }

  /** All keys, also revoked ones, the oldest first. */
  list(): ApiKey[] {
    const rows = this.db.prepare("SELECT * FROM api_keys ORDER BY created_at, id").all() as KeyRow[];
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      createdAt: new Date(row.created_at).toISOString(),
      revokedAt: row.revoked_at === null ? null : new Date(row.revoked_at).toISOString(),
    }));
  }

  /** Ends a key and the sessions that began with it. @throws InputError if there is none of that id */
  revoke(id: string): void {
    const { changes } = this.db
      .prepare("UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL")
      .run(Date.now(), id);
    if (changes === 0) throw new InputError(`there is no key "${id}" that could be revoked; see: arc2face keys list`);
    this.db.prepare("DELETE FROM sessions WHERE key = ?").run(id);
  }

  /** @returns the id of the key that has this secret and is not revoked */
  verify(secret: string): string | undefined {
    const [, id] = keyPattern.exec(secret) ?? [];
    if (id === undefined) return undefined;
    const row = this.db.prepare("SELECT * FROM api_keys WHERE id = ?").get(id) as KeyRow | undefined;
    if (row === undefined || row.revoked_at !== null) return undefined;
    return timingSafeEqual(row.hash, hash(secret)) ? id : undefined;
  }

  /** @returns the token of a new session of this key */
  openSession(keyId: string): { token: string; maxAgeS: number } {
    const token = randomBytes(32).toString("base64url");
    this.db.prepare("DELETE FROM sessions WHERE expires_at < ?").run(Date.now());
    this.db.prepare("INSERT INTO sessions VALUES (?, ?, ?)").run(hash(token), keyId, Date.now() + sessionMs);
    return { token, maxAgeS: sessionMs / 1000 };
  }

  /** @returns the id of the session's key. The look-up is by hash, so its timing tells nothing of the token. */
  verifySession(token: string): string | undefined {
    const row = this.db
      .prepare("SELECT key FROM sessions WHERE hash = ? AND expires_at > ?")
      .get(hash(token), Date.now()) as { key: string } | undefined;
    return row?.key;
  }

  closeSession(token: string): void {
    this.db.prepare("DELETE FROM sessions WHERE hash = ?").run(hash(token));
  }
}

function hash(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
