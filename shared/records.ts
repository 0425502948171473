/** What the table holds: the keys and shapes of every record. Pure. */
import type { FailureCode } from './failure.ts'
import type { ObjectRef } from './ports.ts'
import type { Report } from './report.ts'
import type { Item, Json, RecordKey } from './table.ts'
import type { PartitionState, RunState, Stage } from './vocabulary.ts'

export type { OutputObject, Pieces, Report, Rest, SourceRange } from './report.ts'
export type { Lane, Place, RoundChunk, RoundRecord } from './round-record.ts'

/** Of a plan page and of a record page: 10,000 finishing children never share one hot key. */
export const partitionsPerPage = 1000
/** AWS Batch's limit for one array. */
export const childrenPerArrayMax = 10_000
/** Every run ends: after these, it gives up. */
export const roundsMax = 60

export interface SourceObject extends ObjectRef {
  bytes: number
  etag: string
  version?: string
}

export interface RunRecord {
  runId: string
  pipeline: string
  state: RunState
  source: SourceObject
  /** What the source is a list of. */
  objects?: { count: number; bytes: number }
  /** Of the work stage; 0 where the split stage has yet to find out. */
  partitions: number
  /** Its first round is of the split stage. */
  splits?: boolean
  /** Tasks of the merge stage, once it is opened. */
  merges?: number
  /** The newest round; 0 where none was opened. */
  round: number
  /** Of the newest round; absent: work. */
  stage?: Stage
  createdAt: string
  updatedAt: string
  /** Why it is REFUSED or FAILED. */
  failure?: { code: string; words: string; remedy: string }
  /** `publishing`: it is being written, so the run can no longer end in any other way. */
  certificate?: string
  publishing?: true
  totals?: { recordsRead: number; recordsWritten: number; recordsRejected: number }
  /** Rounds that began by giving parts of partitions to new ones; `stateKeys.resplits` names their documents. */
  resplits?: number[]
  /** Its jobs are being ended, after which it is FAILED (or CANCELLED) for this. */
  stopping?: { code: string; words: string; remedy: string }
  /** Failures up to this round no longer count: a person has retried the run since. */
  forgivenRound?: number
  /** How often its rejected records were dropped anew; raised before they are, so that no two people do. */
  replays?: number
  /** What those drops are. */
  replayedBy?: { replay: number; key: string; runId: string }[]
  /** When a person was told of FAILED or REFUSED. */
  alertedAt?: string
  /** Epoch ms: a notify is telling people of this state, and will have done so well before a minute is over. */
  tellingAt?: number
  /** `<state>@<round>` that people were told of, or that needs no words. */
  told?: string
  /** The Slack message that the run's later words answer to. */
  thread?: { channel: string; ts?: string }
}

export interface Claim {
  round: number
  fence: number
  jobId: string
  /** AWS_BATCH_JOB_ATTEMPT. Batch itself retries nothing but Spot reclaims, so n means n - 1 of those. */
  jobAttempt: number
  at: string
}

export interface Failure {
  round: number
  fence: number
  code: FailureCode
  fingerprint: string
  reason: string
  /** A refusal's own code, where the input as a whole cannot be taken: the run is then REFUSED. */
  refusal?: string
  /** With `refusal`: what a person can do about it. */
  remedy?: string
  /** Another try would end the same way, whatever it costs. */
  final?: true
  exitCode?: number
  jobId?: string
  at: string
}

export interface PartitionRecord {
  runId: string
  partition: number
  state: PartitionState
  fence: number
  round: number
  jobId?: string
  claims?: Claim[]
  failures?: Failure[]
  report?: Report
  /** The fence of the attempt that is asked to leave off, being far slower than its peers. */
  askedToYield?: number
}

/** "Was this object loaded?", for ever. */
export interface SourceRecord {
  runId: string
  pipeline: string
  etag: string
  bytes: number
  seenAt: string
}

export const recordKeys = {
  run: (runId: string): RecordKey => ({ pk: `RUN#${runId}`, sk: 'RUN' }),
  round: (runId: string, round: number): RecordKey => ({
    pk: `RUN#${runId}`,
    sk: `ROUND#${padded(round, 2)}`,
  }),
  partition: (runId: string, partition: number): RecordKey => ({
    pk: partitionPagePk(runId, Math.floor(partition / partitionsPerPage)),
    sk: `PART#${padded(partition, 8)}`,
  }),
  /** Counts the partitions that failed alike: attribute `p<number>` is the round in which that one did so last. */
  alike: (runId: string, hash: string): RecordKey => ({ pk: `RUN#${runId}`, sk: `ALIKE#${hash}` }),
  source: (ref: ObjectRef, version: string): RecordKey => ({
    pk: `SOURCE#${ref.bucket}/${ref.key}`,
    sk: `VERSION#${version}`,
  }),
  /** Who loaded this very content under this key last. */
  content: (ref: ObjectRef, etag: string): RecordKey => ({
    pk: `SOURCE#${ref.bucket}/${ref.key}`,
    sk: `CONTENT#${etag}`,
  }),
}

/** The `pk` under which a page of a run's partitions is queried. */
export function partitionPagePk(runId: string, page: number): string {
  return `RUN#${runId}#PAGE#${padded(page, 4)}`
}

/** Under these in index `open`: runs that are open or of which nobody was told, and runs whose jobs get a last look. */
export const openRunsPk = 'OPEN'
export const closingRunsPk = 'CLOSING'

/** The index attributes that keep a run among the open ones and in its pipeline's list. */
export function runIndexes(run: RunRecord): Record<string, Json> {
  return {
    open: openRunsPk,
    openSk: `${run.createdAt}#${run.runId}`,
    pipelineSk: `${run.createdAt}#${run.runId}`,
  }
}

/** A record as an item of the table, and back. Undefined attributes are left out. */
export function toItem(key: RecordKey, record: object, more: Record<string, Json> = {}): Item {
  const kept = Object.entries(record).filter(([, value]) => value !== undefined)
  return { ...(Object.fromEntries(kept) as Record<string, Json>), ...more, ...key }
}

export function fromItem<Shape>(item: Item): Shape {
  return item as unknown as Shape
}

export const padded = (number: number, digits: number): string => String(number).padStart(digits, '0')
