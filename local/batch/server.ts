/** AWS Batch on one machine: the ordinary SDK client drives it, and jobs are real processes. */

import { mkdirSync } from 'node:fs'
import type { Server } from 'node:http'
import path from 'node:path'
import type { JobDetail } from '@aws-sdk/client-batch'
import type { Clock, Log } from '../../shared/ports.ts'
import type { Batch } from './batch.ts'
import { openDatabase } from './database.ts'
import { detailOf } from './describe.ts'
import { reclaim } from './end-jobs.ts'
import { listen, urlOf } from './http.ts'
import { type Interference, interfere } from './interfere.ts'
import { type RunningJob, runningAttempts } from './operations.ts'
import { createOutbox, type Outbox } from './outbox.ts'
import { type JobQueue, setQueues } from './queues.ts'
import { endLostAttempts } from './restart.ts'
import { forgetOldJobs } from './retention.ts'
import { findJob } from './rows.ts'
import { createScheduler } from './scheduler.ts'
import { stopProcesses } from './stop.ts'

export interface BatchServerOptions {
  /** SQLite; survives kill -9. One server at a time. */
  dbFile: string
  /** Output of attempt 2 of job 7:3 is kept in `<logsDir>/7_3/2.log`; `logStreamName` says the part behind logsDir. */
  logsDir: string
  clock: Clock
  log: Log
  /** The jobs that run at a time ask for no more vCPUs together. */
  cores: number
  /** The same for memory; absent: memory is not counted. */
  memoryMiB?: number
  /** Default 0: a free one. */
  port?: number
  /** Takes EventBridge envelopes, at least once each; one that it refuses is brought again. */
  emit: (event: object) => Promise<void>
  /** What every job gets, PATH for one. */
  baseEnvironment: Readonly<Record<string, string>>
  /** The value of a secret, by the name under which a job finds it; default: there are none. */
  secretOf?: (name: string) => string | undefined
  /** Where jobs are started. */
  cwd: string
  /** Default: `spot`. */
  queues?: readonly JobQueue[]
  /** Batch's own least time limit is the default, 60; tests may want less. */
  timeoutSecondsMin?: number
}

export interface BatchServer {
  /** The `endpoint` of a Batch client. */
  url: string
  /** Takes the attempt's instance away as Spot does. False: the job has no process now. */
  reclaim: (jobId: string, options?: { noticeMs?: number }) => Promise<boolean>
  /** Errors: MALFORMED. */
  interfere: (interference: Interference) => Promise<void>
  /** The attempts under way. */
  jobs: () => RunningJob[]
  /** `undefined` where the job is not known. */
  job: (jobId: string) => JobDetail | undefined
  /** Ends every process; their attempts count as lost with the host at the next start. */
  stop: () => Promise<void>
}

const defaultQueues: readonly JobQueue[] = [{ name: 'spot', priority: 1 }]
const timeoutSecondsMinOfBatch = 60

/** Resumes what an earlier server left in the same `dbFile`. */
export async function startBatchServer(options: BatchServerOptions): Promise<BatchServer> {
  const stopping = new AbortController()
  const { batch, outbox } = createBatch(options, stopping.signal)
  const server = await listen(batch, options.port ?? 0)
  batch.url = urlOf(server)
  setQueues(batch, options.queues ?? defaultQueues)
  endLostAttempts(batch)
  forgetOldJobs(batch)
  let stopped: Promise<void> | undefined
  return {
    url: batch.url,
    reclaim: async (jobId, { noticeMs = 0 } = {}) => reclaim(batch, jobId, noticeMs),
    interfere: async interference => interfere(batch, interference),
    jobs: () => runningAttempts(batch),
    job: jobId => {
      const row = findJob(batch, jobId)
      return row && detailOf(batch, row)
    },
    stop: () => {
      stopping.abort()
      stopped ??= stop(batch, outbox, server)
      return stopped
    },
  }
}

function createBatch(options: BatchServerOptions, stopping: AbortSignal): { batch: Batch; outbox: Outbox } {
  mkdirSync(options.logsDir, { recursive: true })
  mkdirSync(path.dirname(options.dbFile), { recursive: true })
  const { clock, log, emit, cores, memoryMiB, cwd, logsDir, baseEnvironment } = options
  const { secretOf = () => undefined } = options
  const scratchDir = path.join(path.dirname(options.dbFile), 'scratch')
  const outbox = createOutbox(() => batch)
  const batch: Batch = {
    url: '',
    db: openDatabase(options.dbFile),
    clock,
    log,
    emit,
    machine: {
      cores: Math.max(1, Math.floor(cores)),
      memoryMiB,
      cwd,
      logsDir,
      scratchDir,
      baseEnvironment,
      secretOf,
    },
    timeoutSecondsMin: options.timeoutSecondsMin ?? timeoutSecondsMinOfBatch,
    running: new Map(),
    stopping,
    wakeScheduler: createScheduler(() => batch),
    wakeOutbox: outbox.wake,
  }
  return { batch, outbox }
}

async function stop(batch: Batch, outbox: Outbox, server: Server): Promise<void> {
  const closed = new Promise<void>(resolve => {
    server.close(() => resolve())
  })
  server.closeAllConnections()
  await Promise.all([closed, stopProcesses(batch), outbox.closed()])
  batch.db.close()
}
