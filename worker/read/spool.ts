/** The sound records, on disk for DuckDB: every one ends in LF, whatever it ended in before. */
import { closeSync, openSync, writeSync } from 'node:fs'
import type { CsvDialect } from '../../shared/layout.ts'

const spoolBufferBytes = 1024 * 1024
/** Records between two places kept in memory, from which a rejected row is found again in the source. */
export const recordsPerMark = 4096

export interface Mark {
  /** In the stretch. */
  offset: number
  /** Lines of the partition before it. */
  lines: number
}

export class Spool {
  readonly file: string
  records = 0
  bytes = 0
  longestBytes = 0
  /** Of every `recordsPerMark`-th record. */
  readonly marks: Mark[] = []
  readonly #descriptor: number
  readonly #buffer = Buffer.allocUnsafe(spoolBufferBytes)
  readonly #quote: string
  readonly #doubled: string
  #used = 0
  #recordBegin = 0

  constructor(file: string, { quote }: CsvDialect) {
    this.file = file
    this.#quote = quote
    this.#doubled = quote + quote
    this.#descriptor = openSync(file, 'wx')
  }

  /** Opens a record that began at `offset`, behind so many lines. */
  begin(offset: number, lines: number): void {
    if (this.records % recordsPerMark === 0) this.marks.push({ offset, lines })
    this.#recordBegin = this.bytes
  }

  end(): void {
    this.byte(10)
    this.records++
    this.longestBytes = Math.max(this.longestBytes, this.bytes - this.#recordBegin)
  }

  byte(byte: number): void {
    if (this.#used === spoolBufferBytes) this.flush()
    this.#buffer[this.#used++] = byte
    this.bytes++
  }

  copy(from: Buffer, begin: number, end: number): void {
    const count = end - begin
    this.bytes += count
    if (this.#used + count > spoolBufferBytes) this.flush()
    if (count > spoolBufferBytes) {
      this.#write(from.subarray(begin, end))
      return
    }
    from.copy(this.#buffer, this.#used, begin, end)
    this.#used += count
  }

  /** Plain text: nothing in it needs quotes. */
  text(text: string): void {
    for (let at = 0; at < text.length; at++) this.byte(text.charCodeAt(at))
  }

  /** One field in quotes, however plain it looks. */
  quoted(text: string): void {
    const bytes = Buffer.from(this.#quote + text.replaceAll(this.#quote, this.#doubled) + this.#quote)
    this.copy(bytes, 0, bytes.length)
  }

  flush(): void {
    this.#write(this.#buffer.subarray(0, this.#used))
    this.#used = 0
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at)
  }
}
