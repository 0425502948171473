/** Every change of a job's status, written together with the event that tells of it. */
import { JobStatus } from '../../shared/vocabulary.ts'
import type { Batch } from './batch.ts'
import { addTo, type JobRow } from './rows.ts'

export const terminalStatuses: readonly JobStatus[] = [JobStatus.SUCCEEDED, JobStatus.FAILED]
/** Not begun: what CancelJob takes back. */
export const waitingStatuses: readonly JobStatus[] = [
  JobStatus.SUBMITTED,
  JobStatus.PENDING,
  JobStatus.RUNNABLE,
]
export const begunStatuses: readonly JobStatus[] = [JobStatus.STARTING, JobStatus.RUNNING]
export const isTerminal = (job: Pick<JobRow, 'status'>): boolean => terminalStatuses.includes(job.status)
export const inStatuses = (statuses: readonly JobStatus[]): string =>
  statuses.map(each => `'${each}'`).join(', ')

type Changed = Pick<
  JobRow,
  | 'status'
  | 'statusReason'
  | 'rank'
  | 'attempts'
  | 'startedAt'
  | 'stoppedAt'
  | 'terminated'
  | 'cancelled'
  | 'endReason'
>

/** Within a transaction. A reason not given is none. Returns the job as it is now. */
export function move(batch: Batch, job: JobRow, to: Partial<Changed> & { status: JobStatus }): JobRow {
  const moved: JobRow = { ...job, statusReason: null, ...to }
  batch.db.run(
    `UPDATE jobs SET status = ?, statusReason = ?, rank = ?, attempts = ?, startedAt = ?, stoppedAt = ?,
       terminated = ?, cancelled = ?, endReason = ? WHERE seq = ?`,
    moved.status,
    moved.statusReason,
    moved.rank,
    moved.attempts,
    moved.startedAt,
    moved.stoppedAt,
    moved.terminated,
    moved.cancelled,
    moved.endReason,
    moved.seq,
  )
  tell(batch, 'state', moved)
  return moved
}

export type EventKind = 'state' | 'blocked'

/** Puts an event into the outbox, to be delivered after the commit. */
export function tell(batch: Batch, kind: EventKind, job: JobRow): void {
  batch.db.run(
    `INSERT INTO outbox (kind, jobId, status, statusReason, attempts, startedAt, stoppedAt, at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    kind,
    job.jobId,
    job.status,
    job.statusReason,
    job.attempts,
    job.startedAt,
    job.stoppedAt,
    batch.clock.now(),
  )
}

/**
 * Moves all children of an array that are in one of `from` in two statements, however many they are: to RUNNABLE or
 * PENDING without a reason, to FAILED with one.
 */
export function moveChildren(
  batch: Batch,
  parent: string,
  from: readonly JobStatus[],
  to: { status: JobStatus; statusReason?: string; cancelled?: boolean },
): void {
  const where = `parent = ?1 AND status IN (${inStatuses(from)})`
  const reason = to.statusReason ?? null
  const stoppedAt = terminalStatuses.includes(to.status) ? batch.clock.now() : null
  batch.db.run(
    `INSERT INTO outbox (kind, jobId, status, statusReason, attempts, startedAt, stoppedAt, at)
     SELECT 'state', jobId, ?2, ?3, attempts, startedAt, ?4, ?5 FROM jobs WHERE ${where} ORDER BY arrayIndex`,
    parent,
    to.status,
    reason,
    stoppedAt,
    batch.clock.now(),
  )
  batch.db.run(
    `UPDATE jobs SET status = ?2, statusReason = ?3, stoppedAt = ?4, cancelled = ?5 WHERE ${where}`,
    parent,
    to.status,
    reason,
    stoppedAt,
    to.cancelled ? 1 : 0,
  )
}

/** The least of `count` ranks behind everything that was ever submitted. */
export function ranksAtBack(batch: Batch, count: number): number {
  return addTo(batch, 'back', count) - count
}

/** A rank before everything: where a retried job waits (user guide, best practices). */
export function rankAtFront(batch: Batch): number {
  return addTo(batch, 'front', -1)
}
