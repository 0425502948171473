/**
 * Where CSV records begin and end (RFC 4180: quotes may hold delimiters, newlines and doubled quotes). Pure.
 * A record ends at LF outside quotes; a CR right before it belongs to the ending, any other CR is data.
 * An escape makes the character behind it data, in quotes or not; so it does CR and LF together.
 * A line that begins with the comment character is a comment up to its LF, whatever else is in it.
 */

import { escapeOf } from './csv-dialect.ts'
import { CsvFault } from './csv-fault.ts'
import { type Guess, Place, places } from './csv-place.ts'
import type { CsvDialect } from './layout.ts'
import { carriageReturn, newline, type OnLine, type ScannedLine } from './scanned-line.ts'

/** No byte at all. */
const none = -1
const byteOf = (character = ''): number => (character === '' ? none : character.charCodeAt(0))

/**
 * Takes bytes piece by piece; keeps its place between pieces. Where the last bytes of a piece cannot be told without
 * those behind them, it stands before them: the next piece must begin with them.
 */
export class CsvScanner {
  /** First byte of the delimiter. */
  readonly #delimiter: number
  readonly #delimiterBytes: Uint8Array
  readonly #quote: number
  readonly #escape: number
  readonly #comment: number
  readonly #plain: Uint8Array
  #place: Place = Place.fieldStart
  #fields = 1
  #fault: CsvFault = CsvFault.none
  #pendingCr = false
  #loneCr = false
  /** It stands before bytes that it cannot tell yet. */
  #waits = false
  readonly #line: ScannedLine = { end: 0, contentEnd: 0, fields: 0, fault: CsvFault.none, loneCr: false }

  constructor(dialect: CsvDialect, guess?: Guess) {
    const { delimiter, quote, comment } = dialect
    this.#delimiterBytes = Buffer.from(delimiter)
    this.#delimiter = this.#delimiterBytes[0] ?? none
    this.#quote = byteOf(quote)
    this.#escape = byteOf(escapeOf(dialect))
    this.#comment = byteOf(comment)
    this.#plain = new Uint8Array(256).fill(1)
    const special = [this.#delimiter, this.#quote, this.#escape, this.#comment, newline, carriageReturn]
    for (const byte of special) if (byte !== none) this.#plain[byte] = 0
    if (guess !== undefined) this.#place = places[guess]
  }

  /** Scans bytes[from, to). Returns where it stands: `to` or little before, or behind the record that stopped it. */
  scan(bytes: Uint8Array, from: number, to: number, onLine: OnLine): number {
    const plain = this.#plain
    let at = from
    this.#waits = false
    while (at < to) {
      if (this.#place === Place.quoted) {
        at = this.#toQuote(bytes, at, to)
        if (this.#waits) return at
        continue
      }
      if (this.#place <= Place.unquoted || this.#place === Place.outside) {
        const first = at
        while (at < to && plain[bytes[at] ?? 0] === 1) at++
        if (at > first) this.#text()
      } else if (this.#place === Place.comment) {
        while (at < to && bytes[at] !== newline) at++
      }
      if (at >= to) break
      const byte = bytes[at] ?? 0
      if (byte === newline) {
        at++
        const cr = this.#pendingCr || this.#place === Place.afterQuoteCr
        if (!this.#emit(at, at - (cr ? 2 : 1), onLine)) return at
      } else if (byte === this.#delimiter && this.#delimiterBytes.length === 1) {
        at++
        this.#endField()
      } else {
        const taken = this.#take(bytes, at, to)
        if (taken === 0) return at
        at += taken
      }
    }
    return at
  }

  /** At the end of the object: the last record where it has no newline. `begun`: it has bytes. */
  finish(end: number, begun: boolean, onLine: OnLine): void {
    if (!begun) return
    if (this.#place === Place.quoted) this.#fault = CsvFault.unterminatedQuote
    else if (this.#waits || this.#place === Place.afterQuoteCr) this.#text()
    if (this.#pendingCr) this.#loneCr = true
    this.#emit(end, end, onLine)
  }

  #toQuote(bytes: Uint8Array, from: number, to: number): number {
    const quote = this.#quote
    const escaping = this.#escape
    let at = from
    if (escaping === none) while (at < to && bytes[at] !== quote) at++
    else {
      while (at < to && bytes[at] !== quote) {
        if (bytes[at] === escaping && ++at === to) {
          this.#waits = true
          return to - 1
        }
        at++
      }
    }
    if (at < to) this.#place = Place.afterQuote
    return at < to ? at + 1 : to
  }

  /** Text outside quotes went by. */
  #text(): void {
    if (this.#pendingCr) this.#loneCr = true
    this.#pendingCr = false
    if (this.#place === Place.fieldStart) this.#place = Place.unquoted
    if (this.#place !== Place.afterQuote && this.#place !== Place.afterQuoteCr) return
    this.#fault ||= CsvFault.textAfterQuote
    this.#place = Place.unquoted
  }

  /** What is not plain, or anything behind a closing quote. Answers how many bytes were taken. */
  #take(bytes: Uint8Array, at: number, to: number): number {
    const byte = bytes[at] ?? 0
    if (byte === this.#delimiter) return this.#takeDelimiter(bytes, at, to)
    if (byte === this.#quote) this.#takeQuote()
    else if (byte === this.#escape) return this.#takeEscape(bytes, at, to)
    else if (byte === carriageReturn) this.#takeCr()
    else if (byte === this.#comment && this.#place === Place.fieldStart && this.#fields === 1)
      this.#place = Place.comment
    else this.#text()
    return 1
  }

  #takeDelimiter(bytes: Uint8Array, at: number, to: number): number {
    const delimiter = this.#delimiterBytes
    for (let next = 1; next < delimiter.length; next++) {
      if (at + next >= to) return this.#wait()
      if (bytes[at + next] !== delimiter[next]) {
        this.#text()
        return 1
      }
    }
    this.#endField()
    return delimiter.length
  }

  #takeEscape(bytes: Uint8Array, at: number, to: number): number {
    if (at + 1 >= to) return this.#wait()
    const beforeCr = bytes[at + 1] === carriageReturn
    if (beforeCr && at + 2 >= to) return this.#wait()
    this.#text()
    return beforeCr && bytes[at + 2] === newline ? 3 : 2
  }

  #takeQuote(): void {
    const place = this.#place
    if (place === Place.unquoted) this.#fault ||= CsvFault.quoteInField
    if (place !== Place.afterQuote) this.#text()
    if (place !== Place.unquoted && place !== Place.afterQuoteCr) this.#place = Place.quoted
  }

  #takeCr(): void {
    if (this.#place !== Place.afterQuote) {
      this.#text()
      this.#pendingCr = true
    } else this.#place = Place.afterQuoteCr
  }

  #wait(): number {
    this.#waits = true
    return 0
  }

  #endField(): void {
    if (this.#pendingCr || this.#place === Place.afterQuoteCr) this.#text()
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
    line.comment = this.#place === Place.comment
    this.#place = Place.fieldStart
    this.#fields = 1
    this.#fault = CsvFault.none
    this.#pendingCr = false
    this.#loneCr = false
    return onLine(line)
  }
}
