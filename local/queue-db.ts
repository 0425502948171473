/** One SQLite file for what waits: messages and events due later. Several processes may have it open. */
import { DatabaseSync } from 'node:sqlite'

/** A writer waits this long for another process's transaction; none takes longer than some milliseconds. */
const busyTimeoutMs = 10_000

const schema = `
  CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    messageId TEXT NOT NULL,
    body TEXT NOT NULL,
    sentAt INTEGER NOT NULL,
    visibleAt INTEGER NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0,
    firstReceivedAt INTEGER,
    receipt TEXT UNIQUE,
    deadLetterOf TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS message_waiting ON message (queue, visibleAt, id);
  CREATE TABLE IF NOT EXISTS due (
    name TEXT PRIMARY KEY,
    dueAt INTEGER NOT NULL,
    bus TEXT NOT NULL,
    envelope TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS due_at ON due (dueAt);
  CREATE TABLE IF NOT EXISTS tick (name TEXT PRIMARY KEY, firedAt INTEGER NOT NULL) STRICT;
`

/**
 * Opens or creates the file. synchronous=FULL, unlike the other stores: what is sent here was promised to be
 * delivered, and no one else knows of it, so it must outlive a power cut as well as a kill -9. It costs one fsync
 * a send.
 */
export function openQueueDb(dbFile: string): DatabaseSync {
  const db = new DatabaseSync(dbFile, { timeout: busyTimeoutMs })
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;')
  inTransaction(db, () => db.exec(schema))
  return db
}

/** All or nothing; within a transaction that is already open it is part of that one. */
export function inTransaction<Result>(db: DatabaseSync, work: () => Result): Result {
  if (db.isTransaction) return work()
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
