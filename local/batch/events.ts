/** EventBridge envelopes, composed when they are delivered: ten thousand children are not held in memory. */
import { createHash } from 'node:crypto'
import { isoTime } from '../../shared/clock.ts'
import type { JobStatus } from '../../shared/vocabulary.ts'
import type { Batch } from './batch.ts'
import { detailOf } from './describe.ts'
import { arns, place } from './names.ts'
import { findJob, type JobRow } from './rows.ts'
import type { EventKind } from './transitions.ts'

export interface OutboxRow {
  seq: number
  kind: EventKind
  jobId: string
  status: JobStatus
  statusReason: string | null
  attempts: number
  startedAt: number | null
  stoppedAt: number | null
  at: number
}

const detailTypes: Record<EventKind, string> = {
  state: 'Batch Job State Change',
  blocked: 'Batch Job Queue Blocked',
}

/** The envelope of an outbox row, the same id whenever it is composed; none where the job is no longer kept. */
export function envelopeOf(batch: Batch, row: OutboxRow): object | undefined {
  const job = findJob(batch, row.jobId)
  if (!job) return undefined
  return {
    version: '0',
    id: eventId(row),
    'detail-type': detailTypes[row.kind],
    source: 'aws.batch',
    account: place.account,
    // EventBridge gives whole seconds.
    time: isoTime(row.at).replace(/\.\d+Z$/, 'Z'),
    region: place.region,
    resources: [arns.job(row.jobId), ...(row.kind === 'blocked' ? [arns.queue(job.queue)] : [])],
    detail: detailOf(batch, asOf(job, row)),
  }
}

/** The job may have moved on since. */
function asOf(job: JobRow, row: OutboxRow): JobRow {
  const { status, statusReason, attempts, startedAt, stoppedAt } = row
  return { ...job, status, statusReason, attempts, startedAt, stoppedAt }
}

function eventId({ seq, jobId, at }: OutboxRow): string {
  const hash = createHash('sha256').update(`${jobId} ${seq} ${at}`).digest('hex')
  return [8, 4, 4, 4, 12]
    .map((length, group, lengths) => {
      const start = lengths.slice(0, group).reduce((sum, each) => sum + each, 0)
      return hash.slice(start, start + length)
    })
    .join('-')
}
