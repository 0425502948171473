/** The proof that nothing was lost, and the one document that makes a run's output official. Pure. */

import type { Assignment, RunDocument } from './documents.ts'
import { cut } from './plan.ts'
import type { ByteRange } from './ports.ts'
import type { Failure, OutputObject, PartitionRecord, SourceObject } from './records.ts'
import { PartitionState } from './vocabulary.ts'

export interface CertifiedPartition {
  partition: number
  /** Bytes of the source it really read; `null` where no record begins in its planned range. */
  range: [start: number, end: number] | null
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
  dataStart: number
  columns: { name: string; type: string }[]
  outputBucket: string
  rounds: number
  recordsRead: number
  recordsRejected: number
  recordsWritten: number
  partitions: CertifiedPartition[]
  issuedAt: string
}

/** A guess of a record's start that its neighbours disprove, and what to do instead. */
export interface Miscut {
  assignment: Assignment
  words: string
}

/**
 * Do the ranges really read tile the source from its first record to its last byte (invariant 1)? Up to the first
 * gap or overlap everything is proven from the left: the first partition starts where the data starts, and where
 * a partition starts right it ends right. Beyond it, a start is only held against its neighbour's end.
 *
 * @param reports by partition; each one SUCCEEDED
 * @param distrust scan everything right of the proven part instead of guessing again
 * @returns none where they tile
 */
export function miscuts(run: RunDocument, reports: readonly PartitionRecord[], distrust = false): Miscut[] {
  const found = new Map<number, Miscut>()
  let cursor = run.dataStart
  let proven: number | undefined
  for (const { partition, report } of reports) {
    const range = report?.range
    if (range === undefined) continue
    if (range.start !== cursor) {
      blame(run, found, cursor, proven, range, partition)
      proven ??= cursor
    }
    cursor = range.end
  }
  if (cursor !== run.source.bytes) blame(run, found, cursor, proven, undefined, run.partitions)
  if (distrust && proven !== undefined) scanRest(run, found, proven)
  return [...found.values()].toSorted((a, b) => a.assignment.partition - b.assignment.partition)
}

/** The partition in whose planned range the true start lies guessed wrong; else the one that started elsewhere. */
function blame(
  run: RunDocument,
  found: Map<number, Miscut>,
  cursor: number,
  proven: number | undefined,
  actual: ByteRange | undefined,
  partition: number,
): void {
  const owner = Math.min(Math.floor((cursor - run.dataStart) / run.partitionBytes), run.partitions - 1)
  const words = `a record starts at byte ${cursor}, the next partition started at ${actual?.start ?? 'none'}`
  const hint = proven === undefined ? { exactStart: cursor } : { scanFrom: proven }
  for (const culprit of new Set([owner, Math.min(partition, run.partitions - 1)])) {
    const exact = culprit === owner ? hint : { scanFrom: proven ?? cursor }
    if (!found.has(culprit)) found.set(culprit, { assignment: { ...cut(run, culprit), ...exact }, words })
  }
}

function scanRest(run: RunDocument, found: Map<number, Miscut>, proven: number): void {
  const first = Math.floor((proven - run.dataStart) / run.partitionBytes)
  for (let partition = first; partition < run.partitions; partition++) {
    if (found.get(partition)?.assignment.exactStart !== undefined) continue
    const assignment = { ...cut(run, partition), scanFrom: proven }
    found.set(partition, { assignment, words: 'guesses to the left of it were wrong before' })
  }
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
    dataStart: run.dataStart,
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
    round,
    attempt: fence,
    ...counts,
    failures: setbacks(record).map(({ round: inRound, code, reason }) => ({ round: inRound, code, reason })),
  }
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
