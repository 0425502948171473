/**
 * Where CSV records begin and end (RFC 4180: quotes may hold delimiters, newlines and doubled quotes). Pure.
 * A record ends at LF outside quotes; a CR right before it belongs to the ending, any other CR is data.
 */
import type { CsvDialect } from './layout.ts'

export const newline = 10
export const carriageReturn = 13

export const CsvFault = {
  none: 0,
  quoteInField: 1,
  textAfterQuote: 2,
  unterminatedQuote: 3,
  fieldCount: 4,
} as const
export type CsvFault = (typeof CsvFault)[keyof typeof CsvFault]

const Place = {
  fieldStart: 0,
  unquoted: 1,
  quoted: 2,
  /** Behind a quote in a quoted field: the end of the field, or the first half of a doubled quote. */
  afterQuote: 3,
  /** Behind a CR behind such a quote. */
  afterQuoteCr: 4,
  /** A guess: somewhere outside quotes, perhaps in the middle of a field, so that a quote opens a field. */
  outside: 5,
} as const
type Place = (typeof Place)[keyof typeof Place]

/** What a person reads in a reject. */
export function csvFaultWords(fault: CsvFault, fields: number, columns: number): string {
  if (fault === CsvFault.quoteInField) return 'A quote stands in the middle of a field.'
  if (fault === CsvFault.textAfterQuote) return 'Text follows the closing quote of a field.'
  if (fault === CsvFault.unterminatedQuote) return 'A quote opens a field and never closes.'
  return `The record has ${fields} fields where the table has ${columns} columns.`
}

/** One line of the source: `end` is behind its newline, `contentEnd` before it. Blank: they are alike. */
export interface ScannedLine {
  end: number
  contentEnd: number
  fields: number
  fault: CsvFault
  /** A CR stands as data outside quotes, which other readers take for a line's end. */
  loneCr: boolean
}

/** Answers `false` to stop the scan behind this record. The object handed in is reused. */
export type OnLine = (line: ScannedLine) => boolean

/** Takes bytes piece by piece; keeps its place between pieces. */
export class CsvScanner {
  readonly #delimiter: number
  readonly #quote: number
  readonly #plain: Uint8Array
  #place: Place = Place.fieldStart
  #fields = 1
  #fault: CsvFault = CsvFault.none
  #pendingCr = false
  #loneCr = false
  readonly #line: ScannedLine = { end: 0, contentEnd: 0, fields: 0, fault: CsvFault.none, loneCr: false }

  constructor({ delimiter, quote }: CsvDialect, guess?: 'outside' | 'inside') {
    this.#delimiter = delimiter.charCodeAt(0)
    this.#quote = quote.charCodeAt(0)
    this.#plain = new Uint8Array(256).fill(1)
    for (const byte of [this.#delimiter, this.#quote, newline, carriageReturn]) this.#plain[byte] = 0
    if (guess === 'outside') this.#place = Place.outside
    if (guess === 'inside') this.#place = Place.quoted
  }

  /** Scans bytes[from, to). Returns where it stands: `to`, or behind the record at which it was stopped. */
  scan(bytes: Uint8Array, from: number, to: number, onLine: OnLine): number {
    const plain = this.#plain
    let at = from
    while (at < to) {
      if (this.#place === Place.quoted) {
        at = this.#toQuote(bytes, at, to)
        continue
      }
      if (this.#place <= Place.unquoted || this.#place === Place.outside) {
        const first = at
        while (at < to && plain[bytes[at] ?? 0] === 1) at++
        if (at > first) this.#text()
        if (at >= to) break
      }
      const byte = bytes[at++] ?? 0
      if (byte === newline) {
        const cr = this.#pendingCr || this.#place === Place.afterQuoteCr
        if (!this.#emit(at, at - (cr ? 2 : 1), onLine)) return at
      } else this.#take(byte)
    }
    return to
  }

  /** At the end of the object: the last record where it has no newline. `begun`: it has bytes. */
  finish(end: number, begun: boolean, onLine: OnLine): void {
    if (!begun) return
    const open = this.#place === Place.quoted
    if (open) this.#fault = CsvFault.unterminatedQuote
    if (this.#place === Place.afterQuoteCr) this.#fault ||= CsvFault.textAfterQuote
    if (this.#pendingCr) this.#loneCr = true
    this.#emit(end, end, onLine)
  }

  #toQuote(bytes: Uint8Array, from: number, to: number): number {
    const quote = this.#quote
    let at = from
    while (at < to && bytes[at] !== quote) at++
    if (at < to) this.#place = Place.afterQuote
    return at < to ? at + 1 : to
  }

  /** Plain bytes outside quotes went by. */
  #text(): void {
    if (this.#pendingCr) this.#loneCr = true
    this.#pendingCr = false
    if (this.#place === Place.fieldStart) this.#place = Place.unquoted
  }

  /** A delimiter, a quote, a CR, or any byte behind a closing quote. */
  #take(byte: number): void {
    if (this.#place === Place.afterQuote && byte === this.#quote) {
      this.#place = Place.quoted
    } else if (byte === this.#delimiter) {
      this.#endField()
    } else if (this.#place === Place.afterQuote && byte === carriageReturn) {
      this.#place = Place.afterQuoteCr
    } else if (this.#place === Place.afterQuote || this.#place === Place.afterQuoteCr) {
      this.#fault ||= CsvFault.textAfterQuote
      this.#place = Place.unquoted
      this.#pendingCr = byte === carriageReturn
    } else if (byte === this.#quote) {
      this.#quoteOutside()
    } else {
      this.#text()
      this.#pendingCr = true
    }
  }

  #quoteOutside(): void {
    if (this.#pendingCr) this.#loneCr = true
    this.#pendingCr = false
    if (this.#place === Place.unquoted) this.#fault ||= CsvFault.quoteInField
    else this.#place = Place.quoted
  }

  #endField(): void {
    if (this.#place === Place.afterQuoteCr) this.#fault ||= CsvFault.textAfterQuote
    if (this.#pendingCr) this.#loneCr = true
    this.#pendingCr = false
    this.#fields++
    this.#place = Place.fieldStart
  }

  #emit(end: number, contentEnd: number, onLine: OnLine): boolean {
    const line = this.#line
    line.end = end
    line.contentEnd = contentEnd
    line.fields = this.#fields
    line.fault = this.#fault
    line.loneCr = this.#loneCr
    this.#place = Place.fieldStart
    this.#fields = 1
    this.#fault = CsvFault.none
    this.#pendingCr = false
    this.#loneCr = false
    return onLine(line)
  }
}

/** The fields of one well-formed record, without its line ending: unquoted, `undefined` where empty and bare. */
export function csvFields(record: Buffer, { delimiter, quote }: CsvDialect): (string | undefined)[] {
  const text = record.toString('utf8')
  const fields: (string | undefined)[] = []
  let at = 0
  while (at <= text.length) {
    const end = text[at] === quote ? closingQuote(text, at, quote) + 1 : at
    const next = text.indexOf(delimiter, end)
    const stop = next === -1 ? text.length : next
    if (end > at) fields.push(text.slice(at + 1, end - 1).replaceAll(quote + quote, quote))
    else fields.push(stop === at ? undefined : text.slice(at, stop))
    at = stop + 1
  }
  return fields
}

function closingQuote(text: string, open: number, quote: string): number {
  let at = text.indexOf(quote, open + 1)
  while (at !== -1 && text[at + 1] === quote) at = text.indexOf(quote, at + 2)
  return at === -1 ? text.length : at
}
