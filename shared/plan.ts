/** From an object to its partitions: plain data, decided without reading the object. Pure. */
import { createHash } from 'node:crypto'
import { type CsvHeader, readCsvHeader } from './csv-header.ts'
import type { Assignment, AssignmentPage, Column, RunDocument } from './documents.ts'
import type { Pipeline } from './pipeline.ts'
import { partitionsPerPage, type SourceObject } from './records.ts'

/** All that planning reads of an object; a header must fit into it. */
export const headBytesMax = 64 * 1024
const partitionBytesDefault = 256 * 1024 ** 2
/** One array of 10,000 children takes an object of any size where the pipeline does not say otherwise. */
const partitionsDefaultMax = 10_000
/** 100 arrays of one round. */
export const partitionsMax = 1_000_000

export interface Refusal {
  code: string
  words: string
  remedy: string
}

/** The same source always gives the same run: a duplicate event finds it, a new version is another. */
export function runIdOf(pipeline: string, source: { bucket: string; key: string }, identity: string): string {
  const name = JSON.stringify([pipeline, source.bucket, source.key, identity])
  return createHash('sha256').update(name).digest('hex').slice(0, 24)
}

/** The pipeline that takes a key: the one with the longest prefix. */
export function pipelineFor(pipelines: readonly Pipeline[], key: string): Pipeline | undefined {
  return pipelines
    .filter(({ source }) => key.startsWith(source.prefix))
    .toSorted((a, b) => b.source.prefix.length - a.source.prefix.length)[0]
}

/**
 * @param head the first `headBytesMax` bytes of the object, or all of it
 * @param partitionBytes overrides the pipeline's for this one drop
 */
export function planRun(
  runId: string,
  pipeline: Pipeline,
  source: SourceObject,
  head: Buffer,
  partitionBytes = pipeline.split.partitionBytes ?? defaultPartitionBytes(source.bytes),
): RunDocument | Refusal {
  const layout = layoutOf(pipeline, source, head)
  if ('code' in layout) return layout
  const partitions = Math.ceil((source.bytes - layout.dataStart) / partitionBytes)
  if (partitions > partitionsMax) return tooMany(source.bytes, partitionBytes, partitions)
  return { runId, pipeline, source, ...layout, partitionBytes, partitions }
}

function defaultPartitionBytes(bytes: number): number {
  return Math.max(partitionBytesDefault, Math.ceil(bytes / partitionsDefaultMax))
}

function tooMany(bytes: number, partitionBytes: number, partitions: number): Refusal {
  return {
    code: 'TOO_MANY_PARTITIONS',
    words: `${bytes} bytes in partitions of ${partitionBytes} bytes would be ${partitions} partitions; at most ${partitionsMax} are allowed`,
    remedy: `Set split.partitionBytes to at least ${Math.ceil(bytes / partitionsMax)}.`,
  }
}

const bom = Buffer.from([0xef, 0xbb, 0xbf])

function layoutOf(
  pipeline: Pipeline,
  source: SourceObject,
  head: Buffer,
): { columns: Column[]; dataStart: number } | Refusal {
  const utf16 = refuseUtf16(head)
  if (utf16) return utf16
  const bomBytes = head.subarray(0, 3).equals(bom) ? 3 : 0
  if (pipeline.source.format === 'lines') {
    return { columns: [{ name: 'line', type: 'VARCHAR' }], dataStart: bomBytes }
  }
  const declared = declaredColumns(pipeline)
  if (pipeline.source.format === 'ndjson') return { columns: declared, dataStart: bomBytes }
  if (!pipeline.source.header) return withoutHeader(declared, bomBytes)
  if (head.length === bomBytes) return { columns: declared, dataStart: source.bytes }
  return withHeader(pipeline, declared, head, source.bytes)
}

function declaredColumns(pipeline: Pipeline): Column[] {
  const columns = 'columns' in pipeline.source ? pipeline.source.columns : undefined
  return Object.entries(columns ?? {}).map(([name, type]) => ({ name, type }))
}

function refuseUtf16(head: Buffer): Refusal | undefined {
  const mark = head.subarray(0, 2).toString('hex')
  if (mark !== 'fffe' && mark !== 'feff') return undefined
  return {
    code: 'ENCODING_NOT_SUPPORTED',
    words: 'byte 0 begins a UTF-16 byte order mark; only UTF-8 is taken',
    remedy: 'Convert the file to UTF-8 (for example `iconv -f UTF-16 -t UTF-8`) and drop it again.',
  }
}

function withoutHeader(
  declared: Column[],
  dataStart: number,
): { columns: Column[]; dataStart: number } | Refusal {
  if (declared.length > 0) return { columns: declared, dataStart }
  return {
    code: 'COLUMNS_UNKNOWN',
    words: 'the file has no header and the pipeline names no columns',
    remedy: 'Name them in source.columns, or set source.header to true.',
  }
}

function withHeader(
  pipeline: Pipeline,
  declared: Column[],
  head: Buffer,
  bytes: number,
): { columns: Column[]; dataStart: number } | Refusal {
  if (pipeline.source.format !== 'csv') throw new TypeError('only CSV has a header')
  const header = readCsvHeader(head, pipeline.source, bytes <= head.length)
  if (header === undefined) {
    return {
      code: 'HEADER_TOO_LONG',
      words: `the header does not end within the first ${head.length} bytes`,
      remedy: 'Check source.quote and source.delimiter: an unclosed quote in the header looks like this.',
    }
  }
  if (header.names.length === 0) return { columns: declared, dataStart: bytes }
  return headerFault(header) ?? matchHeader(header.names, declared, header.endOffset)
}

/** The header must name the pipeline's columns, each once, in the same order: DuckDB would not notice. */
function matchHeader(
  names: string[],
  declared: Column[],
  dataStart: number,
): { columns: Column[]; dataStart: number } | Refusal {
  if (declared.length === 0) return { columns: names.map(name => ({ name, type: 'VARCHAR' })), dataStart }
  const wanted = declared.map(({ name }) => name)
  const lacking = wanted.filter(name => !names.includes(name))
  const extra = names.filter(name => !wanted.includes(name))
  if (lacking.length > 0 || extra.length > 0) return drift(lacking, extra, names)
  const types = new Map(declared.map(({ name, type }) => [name, type]))
  return { columns: names.map(name => ({ name, type: types.get(name) ?? 'VARCHAR' })), dataStart }
}

function headerFault({ names, emptyAt, fault }: CsvHeader): Refusal | undefined {
  const folded = names.map(name => name.toLowerCase())
  const twice = names.find((_, at) => folded.indexOf(folded[at] ?? '') !== at)
  const words = [
    ...(fault === undefined ? [] : [fault]),
    ...emptyAt.map(at => `column ${at + 1} of the header has no name`),
    ...(twice === undefined ? [] : [`the header names ${twice} twice (case is ignored)`]),
  ]
  if (words.length === 0) return undefined
  return {
    code: 'HEADER_AMBIGUOUS',
    words: words.join('; '),
    remedy:
      'Give every column a name of its own in the header, or set source.header to false and name source.columns.',
  }
}

function drift(lacking: string[], extra: string[], names: string[]): Refusal {
  const parts = [
    ...(lacking.length > 0 ? [`lacks ${lacking.join(', ')}`] : []),
    ...(extra.length > 0 ? [`has unknown ${extra.join(', ')}`] : []),
  ]
  return {
    code: 'COLUMNS_DIFFER',
    words: `the header ${parts.join(' and ')}; it reads ${names.join(', ')}`,
    remedy: 'Correct the file, or source.columns in the pipeline, then drop the file again.',
  }
}

/** Round 1, page by page: cut by arithmetic; the workers align to records. */
export function* firstRound(run: RunDocument): Generator<AssignmentPage> {
  for (let first = 0; first < run.partitions; first += partitionsPerPage) {
    const count = Math.min(partitionsPerPage, run.partitions - first)
    yield {
      round: 1,
      page: first / partitionsPerPage,
      assignments: Array.from({ length: count }, (_, at) => cut(run, first + at)),
    }
  }
}

/** The range that round 1 gave a partition. */
export function cut(run: RunDocument, partition: number): Assignment {
  const start = run.dataStart + partition * run.partitionBytes
  return { partition, start, end: Math.min(start + run.partitionBytes, run.source.bytes) }
}
