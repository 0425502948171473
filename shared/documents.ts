/** The names and shapes of what the state and output buckets hold. Pure: all S3 keys are spelled here. */
import type { Layout } from './layout.ts'
import type { Pipeline } from './pipeline.ts'
import type { ByteRange } from './ports.ts'
import { type Lane, type Pieces, padded, partitionsPerPage, type SourceObject } from './records.ts'
import type { Stage } from './vocabulary.ts'

/** One schema per run, agreed before any worker starts, in the file's order. */
export interface Column {
  name: string
  /** A DuckDB type of `columnTypeNames`, or DECIMAL(p,s). */
  type: string
}

/** `runs/<runId>/run.json`: the pipeline frozen as planned; a deploy in mid-run changes nothing. */
export interface RunDocument {
  runId: string
  pipeline: Pipeline
  source: SourceObject
  columns: Column[]
  layout: Layout
  /** The partitions tile [dataStart, dataEnd), counted as `layout.space` says. */
  dataStart: number
  dataEnd: number
  /** What one partition takes of that; row groups of a Parquet file. */
  partitionBytes: number
  /** 0 where the split stage has yet to find out. */
  partitions: number
  /** Of space `objects`: what they are. */
  objects?: ObjectList
  /** Where the split stage laid them down; in `run-split.json` only. */
  pieces?: Pieces & { bucket: string }
}

/** The list of a run's objects, in pages in the state bucket. */
export interface ObjectList {
  /** Where the pages are. */
  bucket: string
  /** The listing that counts: one that was interrupted leaves pages of its own. */
  listing: string
  objects: number
  bytes: number
  pages: number
}

/** A place in the source. `within`: decompressed bytes behind the start of the block at `at`; absent: 0. */
export interface Position {
  at: number
  within?: number
  /** Of space `objects`: which one of the list, from 0. */
  item?: number
  /** That object; `base`: where it begins in the run's space. */
  object?: { bucket: string; key: string; version?: string; base: number }
}

/** What a child is told to work: the records that begin in [start, end). */
export interface Assignment extends ByteRange {
  partition: number
  /** A neighbour proved that a record starts exactly here; no guess is made. */
  exactStart?: number
  exactWithin?: number
  /** A record starts here, at or before `start`: scan on from it instead of guessing. */
  scanFrom?: number
  scanWithin?: number
  /** Of space `objects`: `start` lies within the object that begins here. */
  objectStart?: number
  /** `exactStart` is where an attempt left off whose own start was a guess: it is no more proven than that. */
  unproven?: true
  /** Attempts have failed without a word: work where the record that kills the work can be found, and parked. */
  careful?: true
  lane?: Lane
}

/** `plan/0007.json` for round 1, `rounds/02/0007.json` for the later ones. */
export interface AssignmentPage {
  round: number
  page: number
  /** Absent: work. */
  stage?: Stage
  assignments: Assignment[]
}

/** Part of a partition is given to new ones: it keeps what lies before `at`. */
export interface Resplit {
  partition: number
  at: number
  /** Of what is given away. */
  end: number
  objectStart?: number
  /** The numbers of the new partitions are `first` to `first + shares - 1`, in the order of the source. */
  first: number
  shares: number
  /** How often what it was cut from had been cut for want of memory or time. */
  depth: number
  /** What is known of where the first of them starts; of a scan, where all of them do. */
  hint?: StartHint
}

export type StartHint = Pick<
  Assignment,
  'exactStart' | 'exactWithin' | 'scanFrom' | 'scanWithin' | 'unproven'
>

/** `runs/<runId>/resplits/02.json`: what round 2 began with. */
export interface ResplitPage {
  round: number
  resplits: Resplit[]
}

/** Stages number their tasks apart, so that each is tracked, fenced and retried as a partition is. */
export const stageBase: Record<Stage, number> = { work: 0, merge: 50_000_000, split: 90_000_000 }

export const stateKeys = {
  run: (runId: string): string => `runs/${runId}/run.json`,
  /** The run as planned anew once its split stage is done: same shape as `run`. */
  splitRun: (runId: string): string => `runs/${runId}/run-split.json`,
  /** Below a prefix of their own, so that a lifecycle rule can expire them. */
  piecesPrefix: (runId: string): string => `pieces/${runId}/`,
  piece: (runId: string, piece: number): string => `pieces/${runId}/${padded(piece, 8)}`,
  assignments: (runId: string, round: number, page: number): string =>
    round === 1
      ? `runs/${runId}/plan/${padded(page, 4)}.json`
      : `runs/${runId}/rounds/${padded(round, 2)}/${padded(page, 4)}.json`,
  resplits: (runId: string, round: number): string => `runs/${runId}/resplits/${padded(round, 2)}.json`,
  /** The `MergeTask` of one child of the merge stage. */
  merge: (runId: string, merge: number): string => `runs/${runId}/merges/${padded(merge, 8)}.json`,
  /** Below a prefix of their own, likewise; each attempt's below its fence. */
  checkpoints: (runId: string, partition: number): string => `checkpoints/${runId}/${padded(partition, 8)}/`,
  rejects: (runId: string, partition: number, fence: number): string =>
    `runs/${runId}/rejects/part-${padded(partition, 8)}-${fence}.ndjson`,
}

const compressionExtensions = { none: '', gzip: '.gz', zstd: '.zst' } as const

export const outputKeys = {
  runPrefix: (prefix: string, runId: string): string => `${prefix}run=${runId}/`,
  /** Keys of one attempt's outputs end in this name, in a `column=value/` folder or not. */
  part: (partition: number, fence: number, file = 0, extension = 'parquet'): string =>
    `part-${padded(partition, 8)}-${fence}${file === 0 ? '' : `-${file}`}.${extension}`,
  merged: (merge: number, fence: number, extension = 'parquet'): string =>
    `merged-${padded(merge, 8)}-${fence}.${extension}`,
  /** Whose output a key of `part` or `merged` is; `undefined` where it is neither. */
  attemptOf: (key: string): { task: number; fence: number } | undefined => {
    const [, kind, number, fence] = /\/(part|merged)-(\d{8})-(\d+)[^/]*$/.exec(key) ?? []
    if (number === undefined) return undefined
    return { task: Number(number) + (kind === 'merged' ? stageBase.merge : 0), fence: Number(fence) }
  },
  /** Of the files that a pipeline's output is made of: `parquet`, `csv`, `csv.gz`, `ndjson.zst`. */
  extension: ({ format, compression }: Pipeline['output']): string =>
    format === 'parquet' ? format : `${format}${compressionExtensions[compression]}`,
  certificate: (prefix: string, runId: string): string => `${prefix}_millrace/${runId}.json`,
}

/** Where in a round's pages a child finds its assignment. */
export function placeOf(chunk: number, index: number, chunkSize: number): { page: number; offset: number } {
  const position = chunk * chunkSize + index
  return { page: Math.floor(position / partitionsPerPage), offset: position % partitionsPerPage }
}

/** One rejected record, one line of the rejects document. */
export interface RejectedRecord {
  partition: number
  /** The object it stands in, and its version where it has one. */
  key: string
  version?: string
  /** Of the record's first byte in that object; of its block where there is `within`. */
  byteOffset: number
  /** Decompressed bytes behind the start of the block at `byteOffset`. */
  within?: number
  /**
   * From 1, of the lines that its partition reads of the object; of one among many, those before its first record
   * count too. Of text only.
   */
  line?: number
  /** Absent: it is the record as a whole that is no sound one. */
  column?: string
  reason: string
  /** The record as it stands in the source, as text, cut to `rejectedRawBytesMax`. */
  raw: string
  /** Its very bytes, likewise cut, where they are no valid text. */
  rawBase64?: string
}
export const rejectedRawBytesMax = 64 * 1024
/** A partition with more stops being worked: the run cannot tolerate it, or the format is wrong. */
export const rejectsPerPartitionMax = 100_000
