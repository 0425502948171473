/** The rows of the tables and the questions asked of them. */
import { MillraceError } from '../../shared/errors.ts'
import type { JobStatus } from '../../shared/vocabulary.ts'
import type { Batch } from './batch.ts'
import type { JobSpec } from './spec.ts'

export interface JobRow {
  seq: number
  jobId: string
  /** Whose spec it has: of a child its parent, else itself. */
  submission: string
  parent: string | null
  arrayIndex: number | null
  /** Only of a parent. */
  arraySize: number | null
  name: string
  queue: string
  status: JobStatus
  statusReason: string | null
  /** The order within the queue; what is retried goes below the least. */
  rank: number
  /** How many have ended. */
  attempts: number
  createdAt: number
  startedAt: number | null
  stoppedAt: number | null
  cancelled: number
  terminated: number
  /** Said by who cancelled or terminated it. */
  endReason: string | null
}

export interface AttemptRow {
  jobId: string
  attempt: number
  instance: string
  task: string
  logStream: string
  pid: number | null
  pidIdentity: string | null
  startedAt: number | null
  stoppedAt: number | null
  exitCode: number | null
  reason: string | null
  statusReason: string | null
}

export interface Submission {
  jobId: string
  /** ARN with revision. */
  definition: string
  spec: JobSpec
}

export function findJob(batch: Batch, jobId: string): JobRow | undefined {
  return batch.db.get<JobRow>('SELECT * FROM jobs WHERE jobId = ?', jobId)
}

export function attemptsOf(batch: Batch, jobId: string): AttemptRow[] {
  return batch.db.all<AttemptRow>('SELECT * FROM attempts WHERE jobId = ? ORDER BY attempt', jobId)
}

/** How many submissions are kept parsed: neighbours in a queue mostly share theirs. */
const parsedSubmissionsMax = 64
const parsed = new WeakMap<Batch, Map<string, Submission>>()

export function submissionOf(batch: Batch, job: Pick<JobRow, 'submission'>): Submission {
  const known = parsed.get(batch) ?? new Map<string, Submission>()
  parsed.set(batch, known)
  const found = known.get(job.submission)
  if (found) return found
  const row = batch.db.get<{ jobId: string; definition: string; spec: string }>(
    'SELECT * FROM submissions WHERE jobId = ?',
    job.submission,
  )
  if (!row) throw new MillraceError('INVARIANT_BROKEN', `No submission ${job.submission}`)
  const submission: Submission = { ...row, spec: JSON.parse(row.spec) as JobSpec }
  if (known.size >= parsedSubmissionsMax) known.clear()
  known.set(job.submission, submission)
  return submission
}

/** Adds to a number that survives restarts; returns the sum. */
export function addTo(batch: Batch, counter: string, amount: number): number {
  const row = batch.db.get<{ value: number }>(
    'INSERT INTO counters VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = value + ?2 RETURNING value',
    counter,
    amount,
  )
  return row?.value ?? amount
}
