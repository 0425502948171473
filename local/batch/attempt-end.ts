/** How an attempt ended, and what that makes of its job: succeeded, failed, or once more. */
import { constants } from 'node:os'
import { JobStatus } from '../../shared/vocabulary.ts'
import type { RunningAttempt } from './attempt.ts'
import { type Batch, change } from './batch.ts'
import { afterEnd } from './dependencies.ts'
import { isRetried } from './evaluate-on-exit.ts'
import { findJob, type JobRow, submissionOf } from './rows.ts'
import { removeScratch } from './scratch.ts'
import { isTerminal, move, rankAtFront } from './transitions.ts'

const exited = 'Essential container in task exited'
const notStarted = 'Task failed to start'
const timedOut = 'Job attempt duration exceeded timeout'

/** What the operating system said of the process, or why there was none. */
export interface ProcessEnd {
  code?: number | null
  signal?: NodeJS.Signals | null
  notStarted?: string
}

/** What Batch says of the attempt. */
export interface Ending {
  succeeded: boolean
  statusReason: string
  reason?: string
  exitCode?: number
  /** Timed out and terminated jobs are never retried (user guide, job retries). */
  mayRetry: boolean
}

export function endAttempt(batch: Batch, running: RunningAttempt, end: ProcessEnd): void {
  if (batch.running.get(running.jobId) !== running) return
  batch.running.delete(running.jobId)
  for (const callOff of running.callOff) callOff()
  removeScratch(batch, running.jobId, running.attempt)
  // The host goes down and takes the attempt with it: the next start says so.
  if (batch.stopping.aborted) return
  change(batch, () =>
    recordEnd(batch, running.jobId, running.attempt, job => endingOf(batch, job, running, end)),
  )
}

/** Within a transaction: also for attempts of which only the rows are left. */
export function recordEnd(
  batch: Batch,
  jobId: string,
  attempt: number,
  decide: (job: JobRow) => Ending,
): void {
  const job = findJob(batch, jobId)
  if (!job || isTerminal(job)) return
  const ending = decide(job)
  const now = batch.clock.now()
  batch.db.run(
    `UPDATE attempts SET stoppedAt = ?, exitCode = ?, reason = ?, statusReason = ? WHERE jobId = ? AND attempt = ?`,
    now,
    ending.exitCode ?? null,
    ending.reason ?? null,
    ending.statusReason,
    jobId,
    attempt,
  )
  settleJob(batch, { ...job, attempts: attempt }, ending, now)
}

function settleJob(batch: Batch, job: JobRow, ending: Ending, now: number): void {
  const { spec } = submissionOf(batch, job)
  if (!ending.succeeded && ending.mayRetry && job.attempts < spec.attempts) {
    if (isRetried(spec.evaluateOnExit, ending)) {
      move(batch, job, { status: JobStatus.RUNNABLE, rank: rankAtFront(batch) })
      return
    }
  }
  const status = ending.succeeded ? JobStatus.SUCCEEDED : JobStatus.FAILED
  afterEnd(batch, [move(batch, job, { status, statusReason: ending.statusReason, stoppedAt: now })])
}

function endingOf(batch: Batch, job: JobRow, running: RunningAttempt, end: ProcessEnd): Ending {
  if (end.notStarted !== undefined) {
    return {
      succeeded: false,
      statusReason: notStarted,
      reason: end.notStarted,
      mayRetry: job.terminated === 0,
    }
  }
  const exitCode = exitCodeOf(end)
  if (running.endedBy === 'reclaim') return hostLost(batch, job, running.attempt)
  if (job.terminated === 1) return terminated(job, exitCode)
  if (exitCode === 0) return { succeeded: true, statusReason: exited, exitCode, mayRetry: false }
  if (running.endedBy === 'timeout') {
    return { succeeded: false, statusReason: timedOut, exitCode, mayRetry: false }
  }
  return { succeeded: false, statusReason: exited, exitCode, mayRetry: true }
}

/** Whatever the process said, nobody was left to hear it. */
export function hostLost(batch: Batch, job: JobRow, attempt: number): Ending {
  const row = batch.db.get<{ instance: string }>(
    'SELECT instance FROM attempts WHERE jobId = ? AND attempt = ?',
    job.jobId,
    attempt,
  )
  if (job.terminated === 1) return terminated(job, undefined)
  const statusReason = `Host EC2 (instance ${row?.instance}) terminated.`
  return { succeeded: false, statusReason, mayRetry: true }
}

function terminated(job: JobRow, exitCode: number | undefined): Ending {
  const statusReason = job.endReason ?? exited
  return { succeeded: false, statusReason, ...(exitCode === undefined ? {} : { exitCode }), mayRetry: false }
}

/** As a shell and Docker count it: 128 and the number of the signal. */
function exitCodeOf({ code, signal }: ProcessEnd): number {
  return code ?? 128 + (signal ? (constants.signals[signal] ?? 0) : 0)
}
