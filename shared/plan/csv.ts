/** What the head of a CSV says of its records: dialect, header, columns. Pure. */
import { type CsvHeader, readCsvHeader } from '../csv-header.ts'
import type { Column } from '../documents.ts'
import type { CsvDialect } from '../layout.ts'
import type { Pipeline } from '../pipeline.ts'
import { dialectOf } from './dialect-sniff.ts'
import { driftOf } from './drift.ts'
import { columnsUnknown, hasHeader, headerFault, headerTooLong } from './header.ts'
import { type CsvHead, readAs } from './reading.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import { separatorDiffers, separatorLineOf } from './separator-line.ts'
import type { TextPlan } from './text.ts'

type CsvSource = Extract<Pipeline['source'], { format: 'csv' }>

interface CsvPlan extends Pick<TextPlan, 'columns'> {
  layout: Pick<TextPlan['layout'], 'csv' | 'header' | 'fields' | 'drift'>
  /** Bytes of `head` before the first record. */
  headerBytes: number
}

export function planCsv(source: CsvSource, declared: Column[], head: CsvHead): CsvPlan | Refusal {
  const line = separatorLineOf(head)
  if (line === undefined) return planRecords(source, declared, head)
  const { delimiter = line.delimiter } = source
  if (delimiter !== line.delimiter) return separatorDiffers(line, delimiter)
  const records = { ...head, bytes: head.bytes.subarray(line.bytes) }
  const plan = planRecords({ ...source, delimiter }, declared, records)
  return isRefusal(plan) ? plan : { ...plan, headerBytes: line.bytes + plan.headerBytes }
}

function planRecords(source: CsvSource, declared: Column[], head: CsvHead): CsvPlan | Refusal {
  const csv = dialectOf(head, source, { columns: declared, header: source.header })
  if (isRefusal(csv)) return csv
  const isEmpty = head.whole && head.bytes.length === 0
  if (isEmpty) return { columns: declared, layout: { csv, header: source.header ?? true }, headerBytes: 0 }
  const header = source.header ?? hasHeader(readAs(head, csv), declared)
  if (typeof header !== 'boolean') return header
  return header ? withHeader(source, declared, head, csv) : withoutHeader(source, declared, head, csv)
}

function withHeader(
  source: CsvSource,
  declared: Column[],
  head: CsvHead,
  csv: CsvDialect,
): CsvPlan | Refusal {
  const header = readCsvHeader(head.bytes, csv, head.whole)
  if (header === undefined) return headerTooLong(head.bytes.length)
  const layout = { csv, header: true }
  if (header.names.length === 0) return { columns: declared, layout, headerBytes: header.endOffset }
  const found = headerFault(header) ?? driftOf(header.names, declared, source.drift)
  if (isRefusal(found)) return source.header === undefined ? perhapsNone(found, header, declared) : found
  const { columns, ...drifted } = found
  return { columns, layout: { ...layout, ...drifted }, headerBytes: header.endOffset }
}

/** A first record that has nothing of a header is told of as what it may be. */
function perhapsNone(found: Refusal, { names }: CsvHeader, declared: Column[]): Refusal {
  const named = declared.length === 0 || declared.some(({ name }) => names.includes(name))
  return named
    ? found
    : { ...found, remedy: `${found.remedy} If the file has no header, set source.header to false.` }
}

/** Fields are taken by their place, so there must be as many as there are columns. */
function withoutHeader(
  source: CsvSource,
  declared: Column[],
  head: CsvHead,
  csv: CsvDialect,
): CsvPlan | Refusal {
  if (declared.length === 0) return columnsUnknown()
  const { perfect, fields } = readAs(head, csv)
  if (perfect && fields !== declared.length && source.ragged === 'reject') {
    return {
      code: 'COLUMNS_DIFFER',
      words: `the records have ${fields} fields, the pipeline names ${declared.length} columns, and there is no header`,
      remedy: "Correct source.columns, or the dialect, or set source.ragged to 'pad'.",
    }
  }
  return { columns: declared, layout: { csv, header: false }, headerBytes: 0 }
}
