/** From an object to its partitions: plain data, decided without reading the object. Pure. */
import { createHash } from 'node:crypto'
import { refuseTakenNames } from './added-columns.ts'
import type { Assignment, AssignmentPage, RunDocument } from './documents.ts'
import { unitBytesOf } from './encoding.ts'
import { recordBytesOf } from './fixed.ts'
import type { Layout, Space } from './layout.ts'
import type { Pipeline } from './pipeline.ts'
import { arrayStream } from './plan/array.ts'
import { planAvro } from './plan/avro.ts'
import { blocksPartitionBytes, type Stream, streamOf } from './plan/compression.ts'
import { partitionBytesFor } from './plan/nodes.ts'
import { otherFormat } from './plan/other-format.ts'
import { planParquet } from './plan/parquet.ts'
import { isRefusal, type Refusal } from './plan/refusal.ts'
import { planRows } from './plan/rows.ts'
import { planText, type TextPlan } from './plan/text.ts'
import type { ByteRange, ObjectRef } from './ports.ts'
import { partitionsPerPage, type SourceObject } from './records.ts'
import { sourceBucket } from './source-bucket.ts'

/** All that planning reads of an object; a header must fit into it. */
export const headBytesMax = 64 * 1024
const partitionBytesDefault = 256 * 1024 ** 2
/** One array of 10,000 children takes an object of any size where the pipeline does not say otherwise. */
const partitionsDefaultMax = 10_000
/** 100 arrays of one round. */
export const partitionsMax = 1_000_000

/** What planning may look at of an object. */
export interface Look {
  source: SourceObject
  /** The first `headBytesMax` bytes, or all of it. */
  head: Buffer
  /** Some more of it; each is one request. Errors: SOURCE_CHANGED and those of reading. */
  read(range: ByteRange): Promise<Buffer>
}

/**
 * The same source always gives the same run: a duplicate event finds it, a new version is another. It begins with the
 * pipeline's name and a `_`, which no name holds, so that IAM can tell the runs of one pipeline from all others.
 */
export function runIdOf(pipeline: string, source: { bucket: string; key: string }, identity: string): string {
  const name = JSON.stringify([pipeline, source.bucket, source.key, identity])
  return `${pipeline}_${createHash('sha256').update(name).digest('hex').slice(0, 24)}`
}

/** The pipeline that takes an object: of those of its bucket, the one with the longest prefix. */
export function pipelineFor(
  pipelines: readonly Pipeline[],
  { bucket, key }: ObjectRef,
  dropsBucket: string,
): Pipeline | undefined {
  return pipelines
    .filter(one => sourceBucket(one, dropsBucket) === bucket && key.startsWith(one.source.prefix))
    .toSorted((a, b) => b.source.prefix.length - a.source.prefix.length)[0]
}

/**
 * Decides all that can be decided before anything is spent. Reads a bounded part of the object.
 * @param partitionBytes overrides the pipeline's for this one drop
 * Errors: those of reading; an object that cannot be taken is a Refusal.
 */
export async function planRun(
  runId: string,
  pipeline: Pipeline,
  look: Look,
  partitionBytes?: number,
): Promise<RunDocument | Refusal> {
  const { source } = look
  const wanted = partitionBytesFor(pipeline, partitionBytes)
  const other = otherFormat(pipeline.source.format, look.head)
  if (other) return other
  if (pipeline.source.format === 'parquet') {
    const plan = await planParquet(pipeline.source, look, wanted ?? partitionBytesDefault)
    if (isRefusal(plan)) return plan
    return refuseTakenNames(pipeline.source, plan.columns) ?? { runId, pipeline, source, ...plan }
  }
  if (pipeline.source.format === 'avro') {
    const plan = await planAvro(pipeline.source, look, wanted)
    if (isRefusal(plan)) return plan
    return refuseTakenNames(pipeline.source, plan.columns) ?? { runId, pipeline, source, ...plan }
  }
  const stream = await streamFor(pipeline, look, wanted)
  if (isRefusal(stream)) return stream
  const text = planText(pipeline, stream.head)
  if (isRefusal(text)) return text
  const rows = planRows(pipeline.source, text, stream.head)
  if (isRefusal(rows)) return rows
  const { compression } = stream
  const space = spaceOf(stream, pipeline, text)
  const layout: Layout = { format: pipeline.source.format, compression, space, ...text.layout, ...rows }
  const dataStart = space === 'bytes' ? layout.skipBytes : 0
  const extent = { dataStart, dataEnd: source.bytes }
  const cuts = spaceCuts(space, source.bytes - dataStart, wanted)
  if (isRefusal(cuts)) return cuts
  return { runId, pipeline, source, columns: text.columns, layout, ...extent, ...cuts }
}

async function streamFor(
  pipeline: Pipeline,
  look: Look,
  wanted: number | undefined,
): Promise<Stream | Refusal> {
  const stream = await streamOf(pipeline, look, wanted)
  if (isRefusal(stream)) return stream
  const within = otherFormat(pipeline.source.format, stream.head.bytes)
  if (within || pipeline.source.format !== 'json') return within ?? stream
  return arrayStream(pipeline.source, stream, look.source.bytes, wanted)
}

interface Cuts {
  partitionBytes: number
  partitions: number
}

function spaceCuts(space: Space, bytes: number, wanted: number | undefined): Cuts | Refusal {
  if (space === 'whole') return { partitionBytes: bytes, partitions: bytes > 0 ? 1 : 0 }
  // Its bytes are counted once the split stage has seen them all.
  if (space === 'pieces') return { partitionBytes: wanted ?? 0, partitions: 0 }
  return cutsOf(bytes, wanted, space === 'blocks' ? blocksPartitionBytes : partitionBytesDefault)
}

/** Records without line ends, and texts of two bytes a character, cannot be aligned to from a block's first byte. */
function spaceOf({ space }: Stream, { source }: Pipeline, { layout }: TextPlan): Space {
  const aligned = unitBytesOf(layout.encoding) === 1 && recordBytesOf(source) === undefined
  return space === 'blocks' && !aligned ? 'pieces' : space
}

/** How many partitions of how many bytes. */
export function cutsOf(
  bytes: number,
  wanted: number | undefined,
  least = partitionBytesDefault,
): Cuts | Refusal {
  const partitionBytes = wanted ?? Math.max(least, Math.ceil(bytes / partitionsDefaultMax))
  const partitions = Math.ceil(bytes / partitionBytes)
  return partitions > partitionsMax
    ? tooMany(bytes, partitionBytes, partitions)
    : { partitionBytes, partitions }
}

function tooMany(bytes: number, partitionBytes: number, partitions: number): Refusal {
  return {
    code: 'TOO_MANY_PARTITIONS',
    words: `${bytes} bytes in partitions of ${partitionBytes} bytes would be ${partitions} partitions; at most ${partitionsMax} are allowed`,
    remedy: `Set split.partitionBytes to at least ${Math.ceil(bytes / partitionsMax)}.`,
  }
}

/** All partitions, page by page: cut by arithmetic; the workers align to records. */
export function* firstRound(run: RunDocument, round = 1): Generator<AssignmentPage> {
  for (let first = 0; first < run.partitions; first += partitionsPerPage) {
    const count = Math.min(partitionsPerPage, run.partitions - first)
    yield {
      round,
      page: first / partitionsPerPage,
      assignments: Array.from({ length: count }, (_, at) => cut(run, first + at)),
    }
  }
}

/** The range that round 1 gave a partition. */
export function cut(run: RunDocument, partition: number): Assignment {
  const start = run.dataStart + partition * run.partitionBytes
  return { partition, start, end: Math.min(start + run.partitionBytes, run.dataEnd) }
}
