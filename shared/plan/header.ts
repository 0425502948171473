/** Does the first record of a CSV name the columns, and is it sound? Pure. */
import type { CsvHeader } from '../csv-header.ts'
import type { Column } from '../documents.ts'
import { fitsType, narrowestType, varchar } from './infer.ts'
import type { Reading } from './reading.ts'
import type { Refusal } from './refusal.ts'

/**
 * With declared columns: a first record that names one of them is a header; one whose values all fit the types, of
 * which one at least is not text, is data; anything else is taken for a header, so that its drift is noticed and no
 * record is lost. Without them somebody has to name the columns, so it must be a header: one that looks like the
 * data below it is for a person to decide.
 */
export function hasHeader({ rows }: Reading, declared: readonly Column[]): boolean | Refusal {
  const [first = [], ...others] = rows
  if (declared.length === 0) {
    const at = first.findIndex((cell, column) => isData(cell, others, column))
    return at === -1 ? true : headerUnclear(first, at)
  }
  const names = new Set(declared.map(({ name }) => name.toLowerCase()))
  if (first.some(cell => names.has(cell.toLowerCase()))) return true
  return !fits(first, declared)
}

/** A number, a date or the like above others of its kind, or above nothing at all. */
function isData(cell: string, below: readonly string[][], column: number): boolean {
  const own = narrowestType([cell]) ?? varchar
  if (cell === '' || own === varchar) return false
  const values = below.flatMap(row => row[column] || [])
  return values.length === 0 || narrowestType([cell, ...values]) !== varchar
}

function fits(first: readonly string[], declared: readonly Column[]): boolean {
  if (first.length !== declared.length) return false
  const cells = declared.map(({ type }, at) => ({ type, cell: first[at] ?? '' }))
  const typed = cells.filter(({ type, cell }) => type !== varchar && cell !== '')
  return typed.length > 0 && typed.every(({ type, cell }) => fitsType(cell, type))
}

function headerUnclear(first: readonly string[], at: number): Refusal {
  return {
    code: 'HEADER_UNCLEAR',
    words: `the first record (${first.join(', ')}) may be a header or data: its field ${at + 1}, ${first[at]}, is like the values below it`,
    remedy:
      'Set source.header to true if it names the columns; if it is data, set it to false and name source.columns.',
  }
}

/** Every column must have a name of its own: SQL does not tell upper from lower case. */
export function headerFault({ names, emptyAt, fault }: CsvHeader): Refusal | undefined {
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

export function headerTooLong(headBytes: number): Refusal {
  return {
    code: 'HEADER_TOO_LONG',
    words: `the header does not end within the first ${headBytes} bytes`,
    remedy: 'Check source.quote and source.delimiter: an unclosed quote in the header looks like this.',
  }
}

export function columnsUnknown(): Refusal {
  return {
    code: 'COLUMNS_UNKNOWN',
    words: 'the file has no header and the pipeline names no columns',
    remedy: 'Name them in source.columns, or set source.header to true.',
  }
}
