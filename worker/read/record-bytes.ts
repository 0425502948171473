/** One spooled record in memory, for taking it apart again. */
import type { CsvDialect } from '../../shared/layout.ts'
import type { Spool } from './spool.ts'

/** What formats use of a spool to write a record. */
export type RecordSink = Pick<Spool, 'bytes' | 'byte' | 'copy' | 'quoted'>

export class RecordBytes implements RecordSink {
  bytes = 0
  readonly #quote: string
  readonly #parts: Buffer[] = []

  constructor({ quote }: CsvDialect) {
    this.#quote = quote
  }

  byte(byte: number): void {
    this.#add(Buffer.from([byte]))
  }

  copy(from: Buffer, begin: number, end: number): void {
    this.#add(from.subarray(begin, end))
  }

  quoted(text: string): void {
    const doubled = text.replaceAll(this.#quote, this.#quote + this.#quote)
    this.#add(Buffer.from(this.#quote + doubled + this.#quote))
  }

  take(): Buffer {
    return Buffer.concat(this.#parts)
  }

  #add(part: Buffer): void {
    this.#parts.push(part)
    this.bytes += part.length
  }
}
