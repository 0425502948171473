/** The head of a CSV text as one dialect reads it, and how well that goes. Pure. */
import { CsvFault } from '../csv-fault.ts'
import { csvFields, type Fields } from '../csv-fields.ts'
import { CsvScanner } from '../csv-scan.ts'
import type { CsvDialect } from '../layout.ts'
import type { OnLine } from '../scanned-line.ts'

/** Behind its byte order mark, in UTF-8. */
export interface CsvHead {
  bytes: Buffer
  /** They are all there is. */
  whole: boolean
}

export interface Reading {
  dialect: CsvDialect
  /** Records that are all there and not blank. */
  records: number
  /** Fields of most of those that are sound; 0 where none is. */
  fields: number
  /** Share of the records that are sound and have so many fields. */
  share: number
  /** Nothing is wrong with any record, and all have as many fields. */
  perfect: boolean
  /** The first record is sound and has so many fields. */
  firstFits: boolean
  /** Of the first `cellRecordsMax` records; an empty field is ''. */
  rows: string[][]
}

const cellRecordsMax = 500

interface Found {
  begin: number
  end: number
  fields: number
  sound: boolean
}

/** Of all records that are there whole. */
export function fieldsIn(head: CsvHead, dialect: CsvDialect): Fields[] {
  return recordsIn(head, dialect).found.map(({ begin, end }) =>
    csvFields(head.bytes.subarray(begin, end), dialect),
  )
}

/** A record that the head cuts short and that is longer than half of it counts as broken: a quote ran away. */
export function readAs(head: CsvHead, dialect: CsvDialect): Reading {
  const { found, restBytes } = recordsIn(head, dialect)
  return readingOf(head.bytes, dialect, found, restBytes > head.bytes.length / 2)
}

/** `restBytes`: of a last record that is cut short. */
function recordsIn({ bytes, whole }: CsvHead, dialect: CsvDialect): { found: Found[]; restBytes: number } {
  const found: Found[] = []
  let begin = 0
  const onLine: OnLine = ({ end, contentEnd, fields, fault, comment }) => {
    if (contentEnd > begin && !comment) {
      found.push({ begin, end: contentEnd, fields, sound: fault === CsvFault.none })
    }
    begin = end
    return true
  }
  const scanner = new CsvScanner(dialect)
  scanner.scan(bytes, 0, bytes.length, onLine)
  if (whole) scanner.finish(bytes.length, begin < bytes.length, onLine)
  return { found, restBytes: whole ? 0 : bytes.length - begin }
}

function readingOf(bytes: Buffer, dialect: CsvDialect, found: Found[], runaway: boolean): Reading {
  const sound = found.filter(record => record.sound)
  const fields = mostCommon(sound.map(record => record.fields))
  const fitting = sound.filter(record => record.fields === fields)
  const records = found.length + (runaway ? 1 : 0)
  const rows = found
    .slice(0, cellRecordsMax)
    .map(({ begin, end }) => csvFields(bytes.subarray(begin, end), dialect).map(cell => cell ?? ''))
  return {
    dialect,
    records,
    fields,
    share: records === 0 ? 0 : fitting.length / records,
    perfect: records > 0 && fitting.length === records,
    firstFits: found.length > 0 && found[0] === fitting[0],
    rows,
  }
}

function mostCommon(numbers: number[]): number {
  const counts = new Map<number, number>()
  for (const each of numbers) counts.set(each, (counts.get(each) ?? 0) + 1)
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? 0
}

const delimiters = [',', ';', '\t', '|', '^', '~', '\x01']
const decimalComma = /^[+-]?\d{1,3}(?:\.?\d{3})*,\d+$/
const wrapped = /^(["']).*\1$/s

/** Of the fields: how many hold nothing that another dialect would take for its own. */
export function cleanShare({ rows }: Reading): number {
  const cells = rows.flat()
  const clean = cells.filter(
    cell => !wrapped.test(cell) && (!delimiters.some(each => cell.includes(each)) || decimalComma.test(cell)),
  )
  const unnamed = rows[0]?.filter(cell => cell === '').length ?? 0
  const marked = /^#[#\s]/.test(rows[0]?.[0] ?? '') ? 1 : 0
  return cells.length === 0 ? 0 : (clean.length - unnamed - marked) / cells.length
}
