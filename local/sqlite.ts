/** How the stores open SQLite: one file, any number of processes, each surviving the others' kill -9. */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MillraceError } from '../shared/errors.ts'

/** A writer waits this long for another process's transaction; ours take some milliseconds at most. */
const busyTimeoutMs = 30_000
/** Turning a new file to WAL is refused at once while another process does the same, whatever the timeout. */
const openTriesMax = 100
const openPauseMs = 20

/** Result codes of SQLite (sqlite.org/rescode.html): someone else holds the lock. */
const busyCodes: readonly unknown[] = [5, 6]

/**
 * Opens or creates the file and makes sure of the schema (`CREATE ... IF NOT EXISTS`).
 * synchronous=NORMAL: the log is not flushed at each commit, so a power failure may undo the last commits, in
 * order and never by halves; a kill -9 undoes none, because what was written is the system's to keep.
 */
export function openSqlite(dbFile: string, schema: string): DatabaseSync {
  mkdirSync(path.dirname(dbFile), { recursive: true })
  const db = new DatabaseSync(dbFile, { timeout: busyTimeoutMs })
  for (let tries = 1; ; tries++) {
    try {
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
      inTransaction(db, () => db.exec(schema))
      return db
    } catch (error) {
      if (tries === openTriesMax || !isBusy(error)) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, openPauseMs)
    }
  }
}

/**
 * Runs `work` as the only writer, all or nothing. `work` is synchronous: the lock is never held across an await.
 * Errors: TEMPORARY_FAILURE where another process kept the lock too long.
 */
export function inTransaction<Result>(db: DatabaseSync, work: () => Result): Result {
  try {
    db.exec('BEGIN IMMEDIATE')
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    if (!isBusy(error)) throw error
    throw new MillraceError(
      'TEMPORARY_FAILURE',
      'The database stayed locked by another process for too long.',
      {
        cause: error,
        remedy: 'End whatever else holds the files of the data folder open.',
      },
    )
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && busyCodes.includes(Number(error.errcode) & 0xff)
}

const lastCodePoint = 0x10ffff

/** The least text that is greater than all that start with `prefix`, or nothing where there is none. */
export function afterPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, letter => letter.codePointAt(0) ?? 0)
  while (points.at(-1) === lastCodePoint) points.pop()
  const last = points.pop()
  if (last === undefined) return undefined
  // Surrogates are no characters: behind U+D7FF comes U+E000.
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
}
