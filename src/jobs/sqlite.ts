import Libsql from "libsql";

export interface SqliteOptions {
  /** Leave the file to this process alone, until it closes it or ends in whatever way. */
  readonly isExclusive?: boolean;
  /** Seconds that a writer waits for another process; default 0. */
  readonly timeoutS?: number;
}

/**
 * A SQLite file. Calls are synchronous: each takes some microseconds, less than handing it to another thread. What is deleted
 * is overwritten, as faces should be.
 */
export class Sqlite {
  private readonly db: Libsql.Database;
  /** Compiling a statement takes longer than running it. */
  private readonly statements = new Map<string, Libsql.Statement>();

  /** @param path a file, which is made if it is not there, or `:memory:` @throws SqliteError `SQLITE_BUSY` if another has it */
  constructor(
    path: string,
    private readonly options: SqliteOptions = {},
  ) {
    const { isExclusive = false, timeoutS = 0 } = options;
    this.db = new Libsql(path, { timeout: timeoutS });
    try {
      if (isExclusive) this.db.pragma("locking_mode = EXCLUSIVE");
      this.db.pragma("journal_mode = WAL");
      // The log is flushed at checkpoints: a power cut may lose the last moments, never more; and nothing waits for the disk.
      this.db.pragma("synchronous = NORMAL");
      this.db.pragma("foreign_keys = ON");
      this.db.pragma("secure_delete = ON");
    } catch (error) {
      this.db.close();
      throw error;
    }
  }

  /** A statement; the same text gives the same one. */
  prepare(sql: string): Libsql.Statement {
    const statement = this.statements.get(sql) ?? this.db.prepare(sql);
    this.statements.set(sql, statement);
    return statement;
  }

  /** Runs statements that are not needed again. */
  exec(sql: string): void {
    this.db.exec(sql);
  }

  /** Does all of `work`, or nothing of it. */
  transaction<Result>(work: () => Result): Result {
    return this.db.transaction(work)();
  }

  /** Takes what was deleted out of the write-ahead log, too; this waits for the disk. */
  forgetDeleted(): void {
    this.db.pragma("wal_checkpoint(TRUNCATE)");
  }

  close(): void {
    // Statements keep the file open until they are collected as garbage; the lock must not wait for that.
    this.statements.clear();
    if (this.options.isExclusive) {
      for (const pragma of ["journal_mode = DELETE", "locking_mode = NORMAL", "user_version"]) this.db.pragma(pragma);
    }
    this.db.close();
  }
}
