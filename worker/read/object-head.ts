/** The beginning of one object among many: what is skipped of it, and whether its fields stand as the run's do. */
import { compressionOf } from '../../shared/compression/container.ts'
import { csvFields } from '../../shared/csv-fields.ts'
import type { RunDocument } from '../../shared/documents.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { notInFirst } from '../../shared/plan/drift.ts'
import { otherFormat } from '../../shared/plan/other-format.ts'
import { isRefusal, type Refusal } from '../../shared/plan/refusal.ts'
import { planRows } from '../../shared/plan/rows.ts'
import { planText, type TextPlan } from '../../shared/plan/text.ts'
import { headBytesMax } from '../../shared/plan.ts'
import type { SourceObject } from '../../shared/records.ts'
import { arrayLines } from './array.ts'
import { decompressed } from './compressed/streams.ts'
import { formatOf, type RecordFormat } from './format.ts'
import { namingObject, refusedObject } from './object-fault.ts'
import { RecordBytes, type RecordSink } from './record-bytes.ts'
import type { Spool } from './spool.ts'

export interface OpenedObject {
  /** Where its records begin, in decompressed bytes. */
  from: number
  /** Lines before them. */
  skipLines: number
  compressed: boolean
  /** Where its fields are not those of the run in the run's order. */
  format?: RecordFormat
  /** From `from` on, once. */
  chunks(): AsyncGenerator<Buffer>
  close(): Promise<void>
}

const mixed: Refusal = {
  code: 'COMPRESSION_MIXED',
  words: 'it is compressed, its name does not say so, and it is too large to be read whole',
  remedy: 'Give compressed objects names that end in .gz or .zst, or set source.compression.',
}

/** Enough to tell a compressed stream by. */
const magicBytes = 64

/**
 * Reads as much as its header takes.
 * @param isCut it is read in ranges, so it must be as it is
 * Errors: BAD_INPUT with the refusal's code, and those of reading.
 */
export async function openObject(
  run: RunDocument,
  ref: SourceObject,
  raw: AsyncGenerator<Buffer>,
  { isCut = false } = {},
): Promise<OpenedObject> {
  const { source } = run.pipeline
  let stream = raw
  try {
    const start = await beginning(raw, magicBytes)
    const compression = compressionOf(source.compression, start.bytes)
    if (typeof compression !== 'string') throw refusedObject(ref, compression)
    if (isCut && compression !== 'none') throw refusedObject(ref, mixed)
    const content = decompressed(joined(start.bytes, raw), compression, source.decompressed)
    stream = arrayLines(content, run.pipeline)
    const head = await beginning(stream, headBytesMax)
    const text = otherFormat(source.format, head.bytes) ?? planText(asFrozen(run), head)
    if (isRefusal(text)) throw refusedObject(ref, text)
    const from = text.layout.skipBytes
    const rows = planRows(source, text, head)
    if (isRefusal(rows)) throw refusedObject(ref, rows)
    const format = formatFor(run, ref, text)
    return {
      from,
      skipLines: rows.skipLines ?? 0,
      compressed: compression !== 'none',
      ...(format ? { format } : {}),
      chunks: () => joined(head.bytes.subarray(from), stream),
      close: async () => void (await stream.return(undefined)),
    }
  } catch (error) {
    await stream.return(undefined)
    throw namingObject(ref, error)
  }
}

async function beginning(
  stream: AsyncGenerator<Buffer>,
  bytesWanted: number,
): Promise<{ bytes: Buffer; whole: boolean }> {
  const parts: Buffer[] = []
  let bytes = 0
  while (bytes < bytesWanted) {
    const { value, done } = await stream.next()
    if (done) return { bytes: Buffer.concat(parts), whole: true }
    parts.push(value)
    bytes += value.length
  }
  return { bytes: Buffer.concat(parts), whole: false }
}

async function* joined(first: Buffer, stream: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (first.length > 0) yield first
    yield* stream
  } finally {
    await stream.return(undefined)
  }
}

/** The pipeline with all that planning found in the first object said: nothing is guessed a second time. */
function asFrozen({ pipeline, layout, columns }: RunDocument): Pipeline {
  const { source } = pipeline
  if (source.format !== 'csv' || layout.csv === undefined) {
    return { ...pipeline, source: { ...source, encoding: layout.encoding } as Pipeline['source'] }
  }
  const { delimiter, quote, escape: escaping = '', comment = '' } = layout.csv
  const declared = source.columns ?? Object.fromEntries(columns.map(({ name, type }) => [name, type]))
  const header = layout.header ?? true
  const csv = {
    delimiter,
    quote,
    escape: escaping,
    comment,
    header,
    encoding: layout.encoding,
    columns: declared,
  }
  return { ...pipeline, source: { ...source, ...csv } }
}

/** `undefined`: the very fields of the run, in its order. */
function formatFor(run: RunDocument, ref: SourceObject, text: TextPlan): RecordFormat | undefined {
  if (run.layout.csv === undefined || !run.layout.header) return undefined
  const [own, wanted] = [fieldsOf(text), fieldsOf(run)]
  if (own.length === 0 || own.join('\0') === wanted.join('\0')) return undefined
  const known = new Set(run.columns.map(({ name }) => name))
  const { source } = run.pipeline
  const keepsAll = 'rescued' in source && source.rescued !== undefined
  const lost = keepsAll ? own.filter(name => !wanted.includes(name)) : newColumns(text, known)
  if (lost.length > 0) throw refusedObject(ref, notInFirst(lost))
  const layout = { ...run.layout, fields: own }
  return reordered(formatOf(run), formatOf({ ...run, layout }))
}

function fieldsOf({ layout, columns }: Pick<TextPlan, 'columns' | 'layout'>): string[] {
  return layout.fields ?? columns.map(({ name }) => name)
}

function newColumns({ columns }: TextPlan, known: ReadonlySet<string>): string[] {
  return columns.map(({ name }) => name).filter(name => !known.has(name))
}

/** Records of `own` in the order and dialect of `run`'s spool; what an object lacks is NULL. */
function reordered(run: RecordFormat, own: RecordFormat): RecordFormat {
  const places = run.spooled.map(name => own.spooled.indexOf(name))
  const delimiter = run.dialect.delimiter.charCodeAt(0)
  return {
    ...own,
    dialect: run.dialect,
    spooled: run.spooled,
    spool: (unit, spool) => {
      const record = new RecordBytes(own.dialect)
      // Of a spool, formats use what a record has too.
      own.spool(unit, record as RecordSink as Spool)
      const fields = csvFields(record.take(), own.dialect)
      for (const [at, place] of places.entries()) {
        if (at > 0) spool.byte(delimiter)
        const field = fields[place]
        if (field !== undefined) spool.quoted(field)
      }
    },
  }
}
