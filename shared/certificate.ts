/** The proof that nothing was lost, and the one document that makes a run's output official. Pure. */

import type { ObjectList, RunDocument } from './documents.ts'
import type { Layout } from './layout.ts'
import type { MergeTask } from './merge.ts'
import type { Failure, OutputObject, PartitionRecord, Report, SourceObject, SourceRange } from './records.ts'
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
  /** Of those: that broke the work itself, so that reading alone does not find them. */
  rejectedByWork?: number
  recordsWritten: number
  outputs: OutputObject[]
  rejectsKey?: string
  /** Of text: that begin in the range, so the lines of rejected records can be counted on. */
  lines?: number
  /** What went wrong before it succeeded. */
  failures: { round: number; code: string; reason: string }[]
}

/** One file that the files of several partitions were made into; those are not official any more. */
export interface CertifiedMerge {
  merge: number
  round: number
  attempt: number
  /** Keys of outputs that `partitions` name, in the order of their records. */
  inputs: string[]
  outputs: OutputObject[]
  failures: { round: number; code: string; reason: string }[]
}

export interface Certificate {
  certificate: 1
  runId: string
  pipeline: string
  source: SourceObject
  /** The list of the objects that were read, where they are many. */
  objects?: ObjectList
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
  /** Absent: nothing was merged. */
  merges?: CertifiedMerge[]
  issuedAt: string
}

/** What readers may read, in order of partition: all else in the run's folder is swept. */
export function officialOutputs({
  partitions,
  merges = [],
}: Pick<Certificate, 'partitions' | 'merges'>): OutputObject[] {
  const merged = new Set(merges.flatMap(({ inputs }) => inputs))
  const instead = new Map(merges.map(({ inputs, outputs }) => [inputs[0], outputs]))
  return partitions
    .flatMap(({ outputs }) => outputs)
    .flatMap(output => instead.get(output.key) ?? (merged.has(output.key) ? [] : [output]))
}

/** A task of the merge stage, and the record that says it SUCCEEDED. */
export interface MergedTask {
  task: Pick<MergeTask, 'merge' | 'inputs'>
  record: PartitionRecord
}

/**
 * Errors: none; call it only where every partition and every merge SUCCEEDED and `miscuts` is empty.
 * @param partitions of the work stage, in order
 */
export function certificateOf(
  run: RunDocument,
  partitions: readonly PartitionRecord[],
  rounds: number,
  outputBucket: string,
  issuedAt: string,
  merges: readonly MergedTask[] = [],
): Certificate {
  const certified = partitions.map(certify)
  const sum = (field: 'recordsRead' | 'recordsRejected' | 'recordsWritten'): number =>
    certified.reduce((total, partition) => total + partition[field], 0)
  return {
    certificate: 1,
    runId: run.runId,
    pipeline: run.pipeline.name,
    source: run.source,
    ...(run.objects ? { objects: run.objects } : {}),
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
    ...(merges.length > 0 ? { merges: merges.map(certifyMerge) } : {}),
    issuedAt,
  }
}

function certify(record: PartitionRecord): CertifiedPartition {
  const { partition, round, fence } = record
  const { range, rest: _, durationMs: __, ...counts } = reportOf(record)
  return {
    partition,
    range: range === undefined ? null : [range.start, range.end],
    ...withinOf(range),
    round,
    attempt: fence,
    ...counts,
    failures: failuresOf(record),
  }
}

function certifyMerge({ task: { merge, inputs }, record }: MergedTask): CertifiedMerge {
  const { outputs } = reportOf(record)
  const { round, fence: attempt } = record
  return {
    merge,
    round,
    attempt,
    inputs: inputs.map(({ key }) => key),
    outputs,
    failures: failuresOf(record),
  }
}

function reportOf({ partition, state, report }: PartitionRecord): Report {
  if (state === PartitionState.SUCCEEDED && report !== undefined) return report
  throw new TypeError(`partition ${partition} is ${state}: it cannot be certified`)
}

function failuresOf(record: PartitionRecord): CertifiedPartition['failures'] {
  return setbacks(record).map(({ round, code, reason }) => ({ round, code, reason }))
}

function withinOf(range: SourceRange | undefined): Pick<CertifiedPartition, 'within'> {
  if (!range?.startWithin && !range?.endWithin) return {}
  return { within: [range.startWithin ?? 0, range.endWithin ?? 0] }
}

/** Everything that went wrong with a partition: its recorded failures, and the reclaims that Batch itself retried. */
export function setbacks(record: PartitionRecord): Pick<Failure, 'round' | 'code' | 'reason'>[] {
  return [...reclaims(record), ...(record.failures ?? [])].toSorted((a, b) => a.round - b.round)
}

/**
 * Batch retries nothing but reclaims, so the n-th attempt of a job tells of n - 1 of them; but for those of which the
 * attempts before it have said so themselves.
 */
function reclaims(record: PartitionRecord): Pick<Failure, 'round' | 'code' | 'reason'>[] {
  const attempts = new Map<string, { round: number; count: number }>()
  const said = (record.failures ?? []).filter(({ code, fence }) => code === 'SPOT_RECLAIMED' && fence > 0)
  for (const { jobId, jobAttempt, round, fence } of record.claims ?? []) {
    const known = said.filter(failure => failure.jobId === jobId && failure.fence < fence).length
    const count = Math.max(attempts.get(jobId)?.count ?? 0, jobAttempt - 1 - known)
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
