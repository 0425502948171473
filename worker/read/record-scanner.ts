/** Where records of a fixed number of bytes begin and end: at multiples of it, whatever stands there. */
import { CsvFault } from '../../shared/csv-fault.ts'
import { sourceBytesAt, unitBytesOf, utf8BytesAt } from '../../shared/encoding.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Encoding } from '../../shared/layout.ts'
import type { OnLine, ScannedLine } from '../../shared/scanned-line.ts'
import type { Scanner } from './lines.ts'

/** Must begin at a record. Takes whole characters of UTF-8, and counts them in bytes of the source. */
export class RecordScanner implements Scanner {
  readonly #recordBytes: number
  readonly #encoding: Encoding
  /** Of the record at hand. */
  #bytesLeft: number
  readonly #line: ScannedLine = { end: 0, contentEnd: 0, fields: 1, fault: CsvFault.none, loneCr: false }

  /** Errors: BAD_INPUT where records of so many bytes cut code units in two. */
  constructor(recordBytes: number, encoding: Encoding) {
    if (recordBytes % unitBytesOf(encoding) !== 0) throw splitCharacter(recordBytes, encoding)
    this.#recordBytes = recordBytes
    this.#encoding = encoding
    this.#bytesLeft = recordBytes
  }

  /** Errors: BAD_INPUT where a record ends within a character. */
  scan(bytes: Uint8Array, from: number, to: number, onLine: OnLine): number {
    let at = from
    while (at < to) {
      at = this.#toRecordEnd(bytes, at, to)
      if (this.#bytesLeft > 0) break
      this.#bytesLeft = this.#recordBytes
      if (!this.#emit(at, onLine)) break
    }
    return at
  }

  /** A last record that is short. */
  finish(end: number, begun: boolean, onLine: OnLine): void {
    if (begun) this.#emit(end, onLine)
  }

  #toRecordEnd(bytes: Uint8Array, from: number, to: number): number {
    if (this.#encoding === 'utf-8') {
      const taken = Math.min(this.#bytesLeft, to - from)
      this.#bytesLeft -= taken
      return from + taken
    }
    const unitBytes = unitBytesOf(this.#encoding)
    let left = this.#bytesLeft
    let at = from
    while (at < to && left > 0) {
      const lead = bytes[at] ?? 0
      left -= sourceBytesAt(lead, unitBytes)
      at += utf8BytesAt(lead)
    }
    this.#bytesLeft = left
    // Invalid UTF-8 is a reject of its record, but half a pair would be one of both its neighbours, and move the cut.
    if (this.#bytesLeft < 0) throw splitCharacter(this.#recordBytes, this.#encoding)
    return at
  }

  #emit(end: number, onLine: OnLine): boolean {
    this.#line.end = end
    this.#line.contentEnd = end
    return onLine(this.#line)
  }
}

function splitCharacter(recordBytes: number, encoding: Encoding): MillraceError {
  return new MillraceError(
    'BAD_INPUT',
    `Records of ${recordBytes} bytes end within a character of ${encoding}`,
    {
      refusal: 'RECORD_SPLITS_CHARACTER',
      remedy: 'Correct source.recordBytes or source.encoding, and drop the file again.',
    },
  )
}
