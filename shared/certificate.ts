/** The proof that nothing was lost, and the one document that makes a run's output official. Pure. */

import type { RunDocument } from './documents.ts'
import type { Layout } from './layout.ts'
import type { Failure, OutputObject, PartitionRecord, SourceObject, SourceRange } from './records.ts'
import { PartitionState } from './vocabulary.ts'

export interface CertifiedPartition {
  partition: number
  /** Bytes of the source it really read; `null` where no record begins in its planned range. */
  range: [start: number, end: number] | null
  /** In a source of blocks: decompressed bytes behind the blocks at the range's start and end. */
  within?: [start: number, end: number]
  round: number
  /** The fence of the one attempt that counts. */
  attempt: number
  recordsRead: number
  recordsRejected: number
  recordsWritten: number
  outputs: OutputObject[]
  rejectsKey?: string
  /** What went wrong before it succeeded. */
  failures: { round: number; code: string; reason: string }[]
}

export interface Certificate {
  certificate: 1
  runId: string
  pipeline: string
  source: SourceObject
  layout: Layout
  /** The ranges of the partitions tile this, counted as `layout.space` says. */
  dataStart: number
  dataEnd: number
  columns: { name: string; type: string }[]
  outputBucket: string
  rounds: number
  recordsRead: number
  recordsRejected: number
  recordsWritten: number
  partitions: CertifiedPartition[]
  issuedAt: string
}

/** What readers may read: all else in the run's folder is swept. */
export function officialOutputs(certificate: Certificate): OutputObject[] {
  return certificate.partitions.flatMap(({ outputs }) => outputs)
}

/** Errors: none; call it only where every partition SUCCEEDED and `miscuts` is empty. */
export function certificateOf(
  run: RunDocument,
  partitions: readonly PartitionRecord[],
  rounds: number,
  outputBucket: string,
  issuedAt: string,
): Certificate {
  const certified = partitions.map(certify)
  const sum = (field: 'recordsRead' | 'recordsRejected' | 'recordsWritten'): number =>
    certified.reduce((total, partition) => total + partition[field], 0)
  return {
    certificate: 1,
    runId: run.runId,
    pipeline: run.pipeline.name,
    source: run.source,
    layout: run.layout,
    dataStart: run.dataStart,
    dataEnd: run.dataEnd,
    columns: run.columns,
    outputBucket,
    rounds,
    recordsRead: sum('recordsRead'),
    recordsRejected: sum('recordsRejected'),
    recordsWritten: sum('recordsWritten'),
    partitions: certified,
    issuedAt,
  }
}

function certify(record: PartitionRecord): CertifiedPartition {
  const { partition, round, fence, report } = record
  if (record.state !== PartitionState.SUCCEEDED || report === undefined) {
    throw new TypeError(`partition ${partition} is ${record.state}: it cannot be certified`)
  }
  const { range, ...counts } = report
  return {
    partition,
    range: range === undefined ? null : [range.start, range.end],
    ...withinOf(range),
    round,
    attempt: fence,
    ...counts,
    failures: setbacks(record).map(({ round: inRound, code, reason }) => ({ round: inRound, code, reason })),
  }
}

function withinOf(range: SourceRange | undefined): Pick<CertifiedPartition, 'within'> {
  if (!range?.startWithin && !range?.endWithin) return {}
  return { within: [range.startWithin ?? 0, range.endWithin ?? 0] }
}

/** Everything that went wrong with a partition: its recorded failures, and the reclaims that Batch itself retried. */
export function setbacks(record: PartitionRecord): Pick<Failure, 'round' | 'code' | 'reason'>[] {
  return [...reclaims(record), ...(record.failures ?? [])].toSorted((a, b) => a.round - b.round)
}

/** Batch retries nothing but reclaims, so the n-th attempt of a job tells of n - 1 of them. */
function reclaims(record: PartitionRecord): Pick<Failure, 'round' | 'code' | 'reason'>[] {
  const attempts = new Map<string, { round: number; count: number }>()
  for (const { jobId, jobAttempt, round } of record.claims ?? []) {
    const count = Math.max(attempts.get(jobId)?.count ?? 0, jobAttempt - 1)
    attempts.set(jobId, { round, count })
  }
  return [...attempts.values()].flatMap(({ round, count }) =>
    Array.from({ length: count }, () => ({
      round,
      code: 'SPOT_RECLAIMED' as const,
      reason: 'Host EC2 terminated; Batch started it again',
    })),
  )
}
