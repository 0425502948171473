/** One SQLite file for what waits: messages and events due later. Several processes may have it open. */
import type { DatabaseSync } from 'node:sqlite'
import { inTransaction, openSqlite } from '../sqlite.ts'

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
  const db = openSqlite(dbFile, schema)
  db.exec('PRAGMA synchronous = FULL')
  return db
}

/** All or nothing; within a transaction that is already open it is part of that one. */
export function together<Result>(db: DatabaseSync, work: () => Result): Result {
  return db.isTransaction ? work() : inTransaction(db, work)
}
