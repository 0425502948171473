/** What a worker reports of a partition it finished. Pure. */
import type { ByteRange } from './ports.ts'

/** What the split stage laid down: the source's decompressed bytes, in objects of one size but for the last. */
export interface Pieces {
  bytes: number
  pieceBytes: number
  pieces: number
}

export interface OutputObject {
  key: string
  bytes: number
  sha256: string
  records: number
}

/** `startWithin`, `endWithin`: decompressed bytes behind the blocks at `start` and `end`; absent: 0. */
export interface SourceRange extends ByteRange {
  startWithin?: number
  endWithin?: number
}

/** Where an attempt left off, at the start of a record: what lies behind it in the partition was not read. */
export interface Rest {
  at: number
  within?: number
  /** Of space `objects`: `at` lies within the object that begins here. */
  objectStart?: number
  /** `notice`: the machine was about to go. `asked`: others are to share what is left. */
  why: 'notice' | 'asked'
}

/** What a worker proves of the partition it finished. */
export interface Report {
  /** What it really read; absent where no record begins in the planned range. */
  range?: SourceRange
  /** Cut by our reader. */
  recordsRead: number
  recordsRejected: number
  /** Of those: that broke the work itself. */
  rejectedByWork?: number
  recordsWritten: number
  outputs: OutputObject[]
  rejectsKey?: string
  /** Of text: that begin in the range, blank ones too; so the lines of rejected records can be counted on. */
  lines?: number
  /** Of the split stage. */
  split?: Pieces
  /** Absent: it read all of its partition. */
  rest?: Rest
  /** From its claim to this report. */
  durationMs?: number
}
