/** Which stack, if any, runs on a data folder; and that there is at most one. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MillraceError } from '../shared/errors.ts'

export interface Presence {
  pid: number
  startedAt: string
  batchUrl: string
  slackUrl: string
  pipelinesDir: string
  /** What it works with, by pipeline: see `pipelineMarks`. */
  pipelines?: Record<string, string>
}

export interface Occupancy {
  /** Tells other processes where the servers are. */
  announce(presence: Presence): void
  /** Forgets that and lets the next stack in. */
  leave(): void
}

/** A look from another process holds the lock for microseconds; a running stack holds it until it ends. */
const lockTimeoutMs = 1000
const sqliteBusy = 5

/**
 * Takes the data folder for this process. An SQLite lock is the judge, not the pid in the file: the kernel drops
 * it with the process however that ends, and no other process can come by the same pid. A file that a dead stack
 * left behind is simply overwritten. Errors: NOT_ALLOWED where another stack runs on the folder.
 */
export function occupy(dataDir: string): Occupancy {
  mkdirSync(dataDir, { recursive: true })
  const lock = openLock(dataDir, lockTimeoutMs)
  if (!gets(lock, 'BEGIN EXCLUSIVE')) {
    lock.close()
    const pid = presenceFile(dataDir)?.pid
    throw new MillraceError(
      'NOT_ALLOWED',
      `A stack${pid === undefined ? '' : ` (process ${pid})`} is already running on ${dataDir}`,
      { remedy: 'Use that one, end it first, or give another folder with --data.' },
    )
  }
  const file = fileOf(dataDir)
  rmSync(file, { force: true })
  return {
    announce: presence => {
      writeFileSync(`${file}.new`, `${JSON.stringify(presence, null, 2)}\n`)
      renameSync(`${file}.new`, file)
    },
    leave: () => {
      rmSync(file, { force: true })
      lock.close()
    },
  }
}

/** The stack that runs on the folder now; a file left by a dead one does not count. */
export function runningStack(dataDir: string): Presence | undefined {
  const presence = presenceFile(dataDir)
  if (presence === undefined || !existsSync(lockOf(dataDir))) return undefined
  const lock = openLock(dataDir, 0)
  try {
    return gets(lock, 'SELECT count(*) FROM sqlite_schema') ? undefined : presence
  } finally {
    lock.close()
  }
}

const fileOf = (dataDir: string): string => path.join(dataDir, 'stack.json')
const lockOf = (dataDir: string): string => path.join(dataDir, 'stack.lock')

function openLock(dataDir: string, timeout: number): DatabaseSync {
  return new DatabaseSync(lockOf(dataDir), { timeout })
}

function gets(lock: DatabaseSync, statement: string): boolean {
  try {
    lock.exec(statement)
    return true
  } catch (error) {
    if ((error as { errcode?: number }).errcode === sqliteBusy) return false
    throw error
  }
}

function presenceFile(dataDir: string): Presence | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(dataDir), 'utf8')) as Presence
  } catch {
    return undefined
  }
}
