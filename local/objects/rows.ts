/** What is known of every local object, and what is still to be announced: one SQLite file. */
import type { DatabaseSync } from 'node:sqlite'
import type { Clock, ListedObject, ObjectRef } from '../../shared/ports.ts'
import { afterPrefix, inTransaction, openSqlite } from '../sqlite.ts'
import type { Stamp } from './files.ts'

export interface ObjectRow extends ObjectRef, Stamp {
  /** Of the file, within the bucket's folder. */
  path: string
  etag: string
  /** Also the sequencer: of two writes, the later has the greater one. */
  version: string
  metadata: Record<string, string>
}

/** What the world is told of a write. */
export interface ObjectCreated extends ObjectRef {
  bytes: number
  etag: string
  version: string
  sequencer: string
}

export interface Announcement extends ObjectCreated {
  id: number
}

export interface ObjectRows {
  /** As the only writer, of all processes. Synchronous. */
  alone<Result>(work: () => Result): Result
  find(ref: ObjectRef): ObjectRow | undefined
  atPath(bucket: string, path: string): ObjectRow | undefined
  /** Keys in UTF-8 byte order. */
  list(bucket: string, prefix: string, after: string, rowsMax: number): ListedObject[]
  /** Gives the object a new version; with `announced`, also what is to be said of it. Call it `alone`. */
  save(row: Omit<ObjectRow, 'version'>, announced: boolean): { row: ObjectRow; announcement?: Announcement }
  forget(ref: ObjectRef): void
  announcements(): Announcement[]
  announced(id: number): void
  close(): void
}

const schema = `
  CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL, bytes INTEGER NOT NULL, etag TEXT NOT NULL,
    version TEXT NOT NULL, mtimeNs TEXT NOT NULL, ino TEXT NOT NULL, metadata TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS byPath ON objects (bucket, path);
  CREATE TABLE IF NOT EXISTS announcements (
    id INTEGER PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, bytes INTEGER NOT NULL,
    etag TEXT NOT NULL, version TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS sequence (one INTEGER PRIMARY KEY CHECK (one = 1), last TEXT NOT NULL) STRICT;
`

export function openObjectRows(dbFile: string, clock: Clock): ObjectRows {
  const db = openSqlite(dbFile, schema)
  const byKey = db.prepare('SELECT * FROM objects WHERE bucket = ? AND key = ?')
  const byPath = db.prepare('SELECT * FROM objects WHERE bucket = ? AND path = ?')
  const upsert = db.prepare(`INSERT OR REPLACE INTO objects
    (bucket, key, path, bytes, etag, version, mtimeNs, ino, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  const erase = db.prepare('DELETE FROM objects WHERE bucket = ? AND key = ?')
  const waiting = db.prepare('SELECT * FROM announcements ORDER BY id')
  const said = db.prepare('DELETE FROM announcements WHERE id = ?')
  const nextVersion = sequence(db, clock)
  const announce = announcer(db)

  return {
    alone: work => inTransaction(db, work),
    find: ({ bucket, key }) => rowOf(byKey.get(bucket, key)),
    atPath: (bucket, path) => rowOf(byPath.get(bucket, path)),
    list: (bucket, prefix, after, rowsMax) => list(db, { bucket, prefix, after, rowsMax }),
    save(unsaved, announced) {
      const row: ObjectRow = { ...unsaved, version: nextVersion() }
      const { bucket, key, path, bytes, etag, version, mtimeNs, ino } = row
      upsert.run(bucket, key, path, bytes, etag, version, mtimeNs, ino, JSON.stringify(row.metadata))
      return announced ? { row, announcement: announce(row) } : { row }
    },
    forget: ({ bucket, key }) => erase.run(bucket, key),
    announcements: () => waiting.all().map(announcementOf),
    announced: id => said.run(id),
    close: () => db.close(),
  }
}

/**
 * 16 hex digits that only grow, in all processes; also when the database is lost and its objects are adopted anew,
 * because they follow the clock where that is ahead: milliseconds in the upper 52 bits, a count in the lower 12.
 */
function sequence(db: DatabaseSync, clock: Clock): () => string {
  const select = db.prepare('SELECT last FROM sequence')
  const keep = db.prepare('INSERT OR REPLACE INTO sequence VALUES (1, ?)')
  return () => {
    const last = BigInt(`0x${String(select.get()?.last ?? '0')}`)
    const byClock = BigInt(Math.floor(clock.now())) << 12n
    const next = (byClock > last ? byClock : last + 1n).toString(16).toUpperCase().padStart(16, '0')
    keep.run(next)
    return next
  }
}

function announcer(db: DatabaseSync): (row: ObjectRow) => Announcement {
  const insert = db.prepare(
    'INSERT INTO announcements (bucket, key, bytes, etag, version) VALUES (?, ?, ?, ?, ?)',
  )
  return ({ bucket, key, bytes, etag, version }) => {
    const id = Number(insert.run(bucket, key, bytes, etag, version).lastInsertRowid)
    return { id, bucket, key, bytes, etag, version, sequencer: version }
  }
}

interface Listing {
  bucket: string
  prefix: string
  after: string
  rowsMax: number
}

function list(db: DatabaseSync, { bucket, prefix, after, rowsMax }: Listing): ListedObject[] {
  const beyond = afterPrefix(prefix)
  const rows = db
    .prepare(
      `SELECT key, bytes, etag, mtimeNs FROM objects WHERE bucket = ? AND key >= ? AND key > ?
       ${beyond === undefined ? '' : 'AND key < ?'} ORDER BY key LIMIT ?`,
    )
    .all(bucket, prefix, after, ...(beyond === undefined ? [] : [beyond]), rowsMax)
  return rows.map(row => ({
    key: String(row.key),
    bytes: Number(row.bytes),
    etag: String(row.etag),
    modifiedAt: Number(BigInt(String(row.mtimeNs)) / 1_000_000n),
  }))
}

type Row = Record<string, unknown>

function rowOf(row: Row | undefined): ObjectRow | undefined {
  if (row === undefined) return undefined
  return { ...row, metadata: JSON.parse(String(row.metadata)) } as ObjectRow
}

function announcementOf(row: Row): Announcement {
  return { ...row, sequencer: row.version } as Announcement
}
