/** CSV by its content, and what is left: lines. Pure. */
import { readCsvHeader } from '../csv-header.ts'
import type { CsvDialect } from '../layout.ts'
import { dialectOf } from '../plan/dialect-sniff.ts'
import { hasHeader, headerFault } from '../plan/header.ts'
import { narrowestType, varchar } from '../plan/infer.ts'
import { type CsvHead, fieldsIn, type Reading, readAs } from '../plan/reading.ts'
import { isRefusal, type Refusal } from '../plan/refusal.ts'
import { separatorLineOf } from '../plan/separator-line.ts'
import { linesOf, type Sample } from './findings.ts'

/** Less of the records alike, and it is no table. */
const tableShareMin = 0.5

export function csvSample(text: CsvHead): Sample | Refusal {
  const line = separatorLineOf(text)
  const head = { ...text, bytes: text.bytes.subarray(line?.bytes ?? 0) }
  const dialect = dialectOf(head, { delimiter: line?.delimiter }, { columns: [], header: undefined })
  if (isRefusal(dialect)) return dialect
  const reading = readAs(head, dialect)
  if (reading.records === 0) return isEmpty()
  if (!isTable(reading)) return plainLines(head)
  const header = hasHeader(reading, [])
  const named = header === true
  const fault = named ? faultOf(head, dialect) : undefined
  if (fault) return fault
  const rows = fieldsIn(head, dialect).filter(row => row.length === reading.fields)
  const names = named ? (rows[0] ?? []) : Array.from({ length: reading.fields }, (_, at) => `column${at + 1}`)
  const data = named ? rows.slice(1) : rows
  const notes = [
    ...(named ? [] : ['the first record looks like data, so the columns have no names yet: name them']),
    ...(reading.perfect
      ? []
      : ['some records are broken or have another number of fields; they were left out']),
  ]
  const values = names.map((name, at): [string, (string | undefined)[]] => [
    name ?? '',
    data.map(row => row[at]),
  ])
  const source = { format: 'csv' as const, header: named, ...settingsOf(dialect) }
  return { source, values: new Map(values), kind: 'text', records: data.length, notes }
}

/** A single column of words is lines. */
function isTable({ fields, share, rows }: Reading): boolean {
  if (share < tableShareMin) return false
  const below = rows.slice(1).flatMap(([cell]) => cell || [])
  return fields > 1 || (narrowestType(below) ?? varchar) !== varchar
}

function faultOf(head: CsvHead, dialect: CsvDialect): Refusal | undefined {
  const header = readCsvHeader(head.bytes, dialect, head.whole)
  return header && headerFault(header)
}

function settingsOf({ delimiter, quote, ...others }: CsvDialect): Record<string, string> {
  return { delimiter, ...(quote === '"' ? {} : { quote }), ...others }
}

function plainLines(head: CsvHead): Sample {
  const notes = [
    'no table and no known log: every line is a record; a pattern with named groups would take it apart',
  ]
  const records = linesOf(head).length
  return { source: { format: 'lines' }, values: new Map(), kind: 'none', records, notes }
}

function isEmpty(): Refusal {
  return { code: 'SAMPLE_EMPTY', words: 'the file has no record', remedy: 'Give a sample with some records.' }
}
