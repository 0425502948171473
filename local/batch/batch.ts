/** What the parts of the server share. */
import type { Clock, Log } from '../../shared/ports.ts'
import type { RunningAttempt } from './attempt.ts'
import type { Database } from './database.ts'

export interface Machine {
  cores: number
  /** Absent: memory is not counted. */
  memoryMiB: number | undefined
  cwd: string
  logsDir: string
  /** A folder in it for each attempt under way. */
  scratchDir: string
  baseEnvironment: Readonly<Record<string, string>>
  /** The value of a job's secret, by the name of its variable. */
  secretOf: (name: string) => string | undefined
}

export interface Batch {
  /** Of this server, once it listens: nothing is started before. */
  url: string
  db: Database
  clock: Clock
  log: Log
  machine: Machine
  timeoutSecondsMin: number
  emit: (event: object) => Promise<void>
  /** By job id: at most one attempt of a job at a time, and no more than the cores hold. */
  running: Map<string, RunningAttempt>
  /** Set once the server is being stopped: what ends from then on ended with the host. */
  stopping: AbortSignal
  /** Something became runnable, or room was made. */
  wakeScheduler: () => void
  /** Something was written to the outbox. */
  wakeOutbox: () => void
}

/** Writes in one transaction, then has its events delivered and its jobs scheduled. */
export function change<Result>(batch: Batch, work: () => Result): Result {
  const result = batch.db.transaction(work)
  batch.wakeOutbox()
  batch.wakeScheduler()
  return result
}
