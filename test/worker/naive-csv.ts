/**
 * What our CSV dialects mean, character by character over a whole text: slow, and written without a look at the
 * scanner. csv-parse has no escapes outside quotes, and no reader forgives a record and goes on as we do.
 */
import type { CsvDialect } from '../../shared/layout.ts'

/** `undefined` is NULL. */
export type NaiveRow = (string | undefined)[]

export interface NaiveReading {
  rows: NaiveRow[]
  /** How many records are broken, or have not `columns` fields. */
  rejected: number
  /** A quote swallows more than one line up to the end: nobody knows how many records. */
  runaway: boolean
}

interface NaiveField {
  value: string | undefined
  broken: boolean
  open: boolean
  end: number
}

export function naiveCsv(text: string, dialect: CsvDialect, columns: number): NaiveReading {
  const reading: NaiveReading = { rows: [], rejected: 0, runaway: false }
  let at = 0
  while (at < text.length) {
    const begin = at
    if (dialect.comment && text[at] === dialect.comment) {
      const newline = text.indexOf('\n', at)
      at = newline === -1 ? text.length : newline + 1
      continue
    }
    const row: NaiveRow = []
    let broken = false
    let open = false
    for (;;) {
      const field = naiveField(text, at, dialect)
      row.push(field.value)
      broken ||= field.broken
      open = field.open
      at = field.end
      if (!text.startsWith(dialect.delimiter, at)) break
      at += dialect.delimiter.length
    }
    const blank = at === begin
    const content = text.slice(begin, at)
    at += lineEnd(text, at)
    if (blank) continue
    if (broken || row.length !== columns) reading.rejected++
    else reading.rows.push(row)
    if (open && content.includes('\n')) reading.runaway = true
  }
  return reading
}

/** Length of the line's end that stands at `at`, or 0. */
function lineEnd(text: string, at: number): number {
  if (text[at] === '\n') return 1
  return text.startsWith('\r\n', at) ? 2 : 0
}

function naiveField(
  text: string,
  begin: number,
  { delimiter, quote, escape: escaping }: CsvDialect,
): NaiveField {
  const quoted = quote !== '' && text[begin] === quote
  let value = ''
  let at = begin
  let broken = false
  let stray = false
  if (quoted) {
    at++
    for (;;) {
      const character = text[at]
      if (character === undefined) return { value, broken: true, open: true, end: at }
      if (escaping && character === escaping) {
        stray ||= /[A-Za-z0-9]/.test(text[at + 1] ?? '')
        value += text[at + 1] ?? ''
        at += 2
      } else if (character !== quote) {
        value += character
        at++
      } else if (text[at + 1] === quote) {
        value += quote
        at += 2
      } else {
        at++
        break
      }
    }
    if (at > text.length) return { value, broken: true, open: true, end: text.length }
  }
  const bare = at
  while (at < text.length && !text.startsWith(delimiter, at) && lineEnd(text, at) === 0) {
    const character = text[at] ?? ''
    broken ||= quoted || character === quote
    if (escaping && character === escaping && at + 1 < text.length) {
      stray ||= /[A-Za-z0-9]/.test(text[at + 1] ?? '')
      const both = text.startsWith('\r\n', at + 1)
      value += both ? '\r\n' : (text[at + 1] ?? '')
      at += both ? 3 : 2
    } else {
      value += character
      at++
    }
  }
  const nothing = !quoted && (at === bare || (escaping !== undefined && text.slice(bare, at) === '\\N'))
  broken ||= stray && !nothing
  return { value: nothing ? undefined : value, broken, open: false, end: at }
}
