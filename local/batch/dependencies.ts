/** Who waits for whom: dependsOn, and the end of an array once its last child has ended. */
import { dependentReason } from '../../shared/failure.ts'
import { JobStatus } from '../../shared/vocabulary.ts'
import type { Batch } from './batch.ts'
import { findJob, type JobRow } from './rows.ts'
import { inStatuses, isTerminal, move, moveChildren, terminalStatuses } from './transitions.ts'

export const childFailedReason = 'Array Child Job failed'

interface Dependency {
  dependent: string
  dependency: string
  type: 'N_TO_N' | 'SEQUENTIAL' | null
}

type Verdict = 'wait' | 'go' | 'fail'

/** Within a transaction: everything that follows from these jobs' ends, however far it reaches. */
export function afterEnd(batch: Batch, ended: JobRow[]): void {
  const work = [...ended]
  // Every job ends once, so the list is bounded by the jobs there are.
  for (let next = 0; next < work.length; next++) {
    const job = work[next]
    if (job) work.push(...dependentsAfter(batch, job), ...parentAfter(batch, job))
  }
}

/** Frees or fails whoever waited for the job. Returns those that failed. */
function dependentsAfter(batch: Batch, job: JobRow): JobRow[] {
  const failed = dependenciesOn(batch, job.jobId)
    .filter(({ type }) => type === null)
    .flatMap(({ dependent }) => reconsider(batch, dependent))
  if (job.parent === null || job.arrayIndex === null) return failed
  for (const { dependent, type } of dependenciesOn(batch, job.parent)) {
    if (type === 'N_TO_N') failed.push(...reconsider(batch, dependent, job.arrayIndex))
    if (type === 'SEQUENTIAL') failed.push(...reconsider(batch, dependent, job.arrayIndex + 1))
  }
  return failed
}

/** Ends the parent if this was the last child. */
function parentAfter(batch: Batch, job: JobRow): JobRow[] {
  if (job.parent === null || hasOpenChildren(batch, job.parent)) return []
  const parent = findJob(batch, job.parent)
  if (!parent || isTerminal(parent)) return []
  const failed = hasChildren(batch, parent.jobId, [JobStatus.FAILED])
  return [
    move(batch, parent, {
      status: failed ? JobStatus.FAILED : JobStatus.SUCCEEDED,
      statusReason: failed ? (parent.endReason ?? childFailedReason) : null,
      stoppedAt: batch.clock.now(),
    }),
  ]
}

const openStatuses = Object.values(JobStatus).filter(status => !terminalStatuses.includes(status))

function hasOpenChildren(batch: Batch, parent: string): boolean {
  return hasChildren(batch, parent, openStatuses)
}

function hasChildren(batch: Batch, parent: string, statuses: readonly JobStatus[]): boolean {
  const sql = `SELECT 1 FROM jobs WHERE parent = ? AND status IN (${inStatuses(statuses)}) LIMIT 1`
  return batch.db.get(sql, parent) !== undefined
}

function dependenciesOn(batch: Batch, jobId: string): Dependency[] {
  return batch.db.all<Dependency>('SELECT * FROM dependencies WHERE dependency = ?', jobId)
}

/**
 * Within a transaction: looks again at a job that waits for others; of an array at one child or at all.
 * Returns what failed by it, whose followers are still to be looked after.
 */
export function reconsider(batch: Batch, jobId: string, index?: number): JobRow[] {
  const job = findJob(batch, jobId)
  if (!job || isTerminal(job)) return []
  const dependencies = batch.db.all<Dependency>(
    'SELECT * FROM dependencies WHERE dependent = ? ORDER BY position',
    jobId,
  )
  if (job.arraySize === null) return settle(batch, job, verdict(batch, dependencies, 0))
  if (dependencies.every(({ type }) => type === null)) return settleArray(batch, job, dependencies)
  return pendingChildren(batch, jobId, index).flatMap(child =>
    settle(batch, child, verdict(batch, dependencies, child.arrayIndex ?? 0)),
  )
}

function pendingChildren(batch: Batch, parent: string, index: number | undefined): JobRow[] {
  const pending = `SELECT * FROM jobs WHERE parent = ? AND status = '${JobStatus.PENDING}'`
  return index === undefined
    ? batch.db.all<JobRow>(`${pending} ORDER BY arrayIndex`, parent)
    : batch.db.all<JobRow>(`${pending} AND arrayIndex = ?`, parent, index)
}

function settle(batch: Batch, job: JobRow, decided: Verdict): JobRow[] {
  if (decided === 'go') move(batch, job, { status: JobStatus.RUNNABLE })
  if (decided !== 'fail') return []
  const stoppedAt = batch.clock.now()
  return [move(batch, job, { status: JobStatus.FAILED, statusReason: dependentReason, stoppedAt })]
}

/** All children wait for the same: they go, or fail, together. */
function settleArray(batch: Batch, parent: JobRow, dependencies: Dependency[]): JobRow[] {
  const decided = verdict(batch, dependencies, 0)
  const pending = [JobStatus.PENDING]
  if (decided === 'go') moveChildren(batch, parent.jobId, pending, { status: JobStatus.RUNNABLE })
  if (decided !== 'fail') return []
  batch.db.run('UPDATE jobs SET endReason = ? WHERE seq = ?', dependentReason, parent.seq)
  const children = pendingChildren(batch, parent.jobId, undefined)
  moveChildren(batch, parent.jobId, pending, { status: JobStatus.FAILED, statusReason: dependentReason })
  return children.map(child => ({ ...child, status: JobStatus.FAILED }))
}

function verdict(batch: Batch, dependencies: Dependency[], index: number): Verdict {
  const statuses = dependencies
    .map(dependency => awaited(dependency, index))
    .filter(jobId => jobId !== undefined)
    .map(jobId => findJob(batch, jobId)?.status)
  // One that is gone was kept for as long as Batch keeps jobs; nobody can say any more how it ended.
  if (statuses.some(status => status === JobStatus.FAILED || status === undefined)) return 'fail'
  return statuses.every(status => status === JobStatus.SUCCEEDED) ? 'go' : 'wait'
}

/** The job that has to succeed first; none for the first child of a sequence. */
function awaited({ dependency, type }: Dependency, index: number): string | undefined {
  if (type === null) return dependency
  if (type === 'N_TO_N') return `${dependency}:${index}`
  return index === 0 ? undefined : `${dependency}:${index - 1}`
}
