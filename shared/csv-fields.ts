/** The fields of a CSV record. Pure. */
import { escapeOf } from './csv-dialect.ts'
import type { CsvDialect } from './layout.ts'

/** Unquoted, with what an escape stood before as it is; `undefined` (NULL) where empty and bare, or a bare `\N`. */
export type Fields = (string | undefined)[]

/** What `csvFields` saw on its way. */
export interface Seen {
  /**
   * An escape before a letter or digit, but for \N alone: to some readers \n is a newline, to some the letter, and
   * some keep the escape. Nothing that needs an escape is one of these.
   */
  strayEscape: boolean
}

/** Of one well-formed record of UTF-8, without its line ending. */
export function csvFields(record: Buffer, dialect: CsvDialect, seen: Seen = { strayEscape: false }): Fields {
  const text = record.toString('utf8')
  const escaping = escapeOf(dialect)
  const plain = escaping === '' || !text.includes(escaping)
  return plain ? plainFields(text, dialect) : escapedFields(text, escaping, dialect, seen)
}

function plainFields(text: string, { delimiter, quote }: CsvDialect): Fields {
  const fields: Fields = []
  let at = 0
  while (at <= text.length) {
    const end = text[at] === quote ? closingQuote(text, at, quote) + 1 : at
    const next = text.indexOf(delimiter, end)
    const stop = next === -1 ? text.length : next
    if (end > at) fields.push(text.slice(at + 1, end - 1).replaceAll(quote + quote, quote))
    else fields.push(stop === at ? undefined : text.slice(at, stop))
    at = stop + delimiter.length
  }
  return fields
}

function closingQuote(text: string, open: number, quote: string): number {
  let at = text.indexOf(quote, open + 1)
  while (at !== -1 && text[at + 1] === quote) at = text.indexOf(quote, at + 2)
  return at === -1 ? text.length : at
}

const letterOrDigit = /[A-Za-z0-9]/

function escapedFields(text: string, escaping: string, { delimiter, quote }: CsvDialect, seen: Seen): Fields {
  const fields: Fields = []
  let at = 0
  while (at <= text.length) {
    const quoted = text[at] === quote
    const begin = at
    let inside = quoted
    let value = ''
    let stray = false
    /** Where what is not yet in `value` begins. */
    let plain = quoted ? at + 1 : at
    for (at = plain; at < text.length; at++) {
      const character = text[at]
      if (character === escaping && at + 1 < text.length) {
        value += text.slice(plain, at)
        plain = ++at
        stray ||= letterOrDigit.test(text[at] ?? '')
      } else if (inside && character === quote) {
        inside = text[at + 1] === quote
        value += text.slice(plain, inside ? ++at : at)
        plain = at + 1
      } else if (!inside && character === delimiter[0] && text.startsWith(delimiter, at)) break
    }
    value += text.slice(plain, at)
    const isValue = quoted || !isNull(text.slice(begin, at))
    fields.push(isValue ? value : undefined)
    seen.strayEscape ||= stray && isValue
    at += delimiter.length
  }
  return fields
}

/** MySQL, Hive and PostgreSQL write a NULL as a bare \N. */
function isNull(bare: string): boolean {
  return bare === '' || bare === '\\N'
}
