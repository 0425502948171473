/** The names and shapes of what the state and output buckets hold. Pure: all S3 keys are spelled here. */
import type { Pipeline } from './pipeline.ts'
import type { ByteRange } from './ports.ts'
import { padded, partitionsPerPage, type SourceObject } from './records.ts'

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
  /** Where the records begin: behind a byte order mark and the header. */
  dataStart: number
  partitionBytes: number
  partitions: number
}

/** What a child is told to work: the records that begin in [start, end). */
export interface Assignment extends ByteRange {
  partition: number
  /** A neighbour proved that a record starts exactly here; no guess is made. */
  exactStart?: number
  /** A record starts here, at or before `start`: scan on from it instead of guessing. */
  scanFrom?: number
}

/** `plan/0007.json` for round 1, `rounds/02/0007.json` for the later ones. */
export interface AssignmentPage {
  round: number
  page: number
  assignments: Assignment[]
}

export const stateKeys = {
  run: (runId: string): string => `runs/${runId}/run.json`,
  assignments: (runId: string, round: number, page: number): string =>
    round === 1
      ? `runs/${runId}/plan/${padded(page, 4)}.json`
      : `runs/${runId}/rounds/${padded(round, 2)}/${padded(page, 4)}.json`,
  rejects: (runId: string, partition: number, fence: number): string =>
    `runs/${runId}/rejects/part-${padded(partition, 8)}-${fence}.ndjson`,
}

export const outputKeys = {
  runPrefix: (prefix: string, runId: string): string => `${prefix}run=${runId}/`,
  /** Keys of one attempt's outputs end in this name, in a `column=value/` folder or not. */
  part: (partition: number, fence: number, file = 0): string =>
    `part-${padded(partition, 8)}-${fence}${file === 0 ? '' : `-${file}`}.parquet`,
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
  /** Of the record's first byte in the source object. */
  byteOffset: number
  column?: string
  reason: string
  /** The record as it stands in the source, cut to `rejectedRawBytesMax`. */
  raw: string
}
export const rejectedRawBytesMax = 64 * 1024
/** A partition with more stops being worked: the run cannot tolerate it, or the format is wrong. */
export const rejectsPerPartitionMax = 100_000
