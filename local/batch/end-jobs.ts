/** TerminateJob, CancelJob, and the reclaim of an instance. */
import { JobStatus } from '../../shared/vocabulary.ts'
import { type Batch, change } from './batch.ts'
import { afterEnd } from './dependencies.ts'
import { refuse, unknown } from './refusal.ts'
import { endJob, parse } from './requests.ts'
import { findJob, type JobRow } from './rows.ts'
import { killAfterMs, reclaimAttempt, stopAttempt } from './stop-attempt.ts'
import { begunStatuses, inStatuses, isTerminal, move, moveChildren, waitingStatuses } from './transitions.ts'

const reasonLengthMax = 1024

/** What has begun is stopped, what has not is cancelled. Of a parent: all its children. Errors: MALFORMED, NOT_FOUND. */
export function terminate(batch: Batch, body: unknown): object {
  return end(batch, body, 'terminated')
}

/** What has begun goes on. Errors: MALFORMED, NOT_FOUND. */
export function cancel(batch: Batch, body: unknown): object {
  return end(batch, body, 'cancelled')
}

function end(batch: Batch, body: unknown, how: 'terminated' | 'cancelled'): object {
  const { jobId, reason } = parse(endJob, body)
  if (reason.length > reasonLengthMax) refuse(`Reason must be at most ${reasonLengthMax} characters`)
  const job = findJob(batch, jobId) ?? unknown(`Job ${jobId} not found.`)
  if (isTerminal(job)) return {}
  change(batch, () => {
    if (how === 'terminated') markTerminated(batch, job, reason)
    takeBack(batch, job, reason, how)
  })
  if (how === 'terminated') stopRunning(batch, job)
  return {}
}

/** Ends what has not begun. */
function takeBack(batch: Batch, job: JobRow, reason: string, how: 'terminated' | 'cancelled'): void {
  if (job.arraySize === null) {
    if (!waitingStatuses.includes(job.status)) return
    const stoppedAt = batch.clock.now()
    const failed = { status: JobStatus.FAILED, statusReason: reason, stoppedAt, cancelled: 1 }
    afterEnd(batch, [move(batch, job, failed)])
    return
  }
  const column = how === 'terminated' ? 'terminated' : 'cancelled'
  batch.db.run(`UPDATE jobs SET ${column} = 1, endReason = ? WHERE seq = ?`, reason, job.seq)
  const children = childrenIn(batch, job.jobId, waitingStatuses)
  moveChildren(batch, job.jobId, waitingStatuses, {
    status: JobStatus.FAILED,
    statusReason: reason,
    cancelled: true,
  })
  afterEnd(
    batch,
    children.map(child => ({ ...child, status: JobStatus.FAILED })),
  )
}

/** Kept with the job: a server that dies before the process does still knows, and does not retry. */
function markTerminated(batch: Batch, job: JobRow, reason: string): void {
  batch.db.run(
    `UPDATE jobs SET terminated = 1, endReason = ?1
     WHERE (jobId = ?2 OR parent = ?2) AND status IN (${inStatuses(begunStatuses)})`,
    reason,
    job.jobId,
  )
}

function stopRunning(batch: Batch, job: JobRow): void {
  const begun = job.arraySize === null ? [job] : childrenIn(batch, job.jobId, begunStatuses)
  for (const { jobId } of begun) {
    const running = batch.running.get(jobId)
    if (running) stopAttempt(batch, running, 'termination', killAfterMs)
  }
}

function childrenIn(batch: Batch, parent: string, statuses: readonly JobStatus[]): JobRow[] {
  const sql = `SELECT * FROM jobs WHERE parent = ? AND status IN (${inStatuses(statuses)}) ORDER BY arrayIndex`
  return batch.db.all<JobRow>(sql, parent)
}

/** As Spot takes an instance back. Returns whether there was an attempt to take it from. */
export function reclaim(batch: Batch, jobId: string, noticeMs: number): boolean {
  const running = batch.running.get(jobId)
  if (running?.pid === undefined) return false
  reclaimAttempt(batch, running, noticeMs)
  return true
}
