/** The records that a command is given, in a file: any stretch of them, by their numbers from 0. */
import { createReadStream } from 'node:fs'
import type { Scanner } from '../read/lines.ts'
import { readUnits } from '../read/units.ts'
import { recordBytesMax } from '../read/walk.ts'
import { fileStretch } from './stretch.ts'

/** Records between two places that are kept in memory. */
const recordsPerMark = 4096

export class GivenRecords {
  readonly count: number
  readonly #file: string
  readonly #header: Buffer
  readonly #scanner: () => Scanner
  /** Where every `recordsPerMark`-th record begins; empty until somebody asks. */
  readonly #marks: number[] = []

  /** @param header stands before every stretch that is given; the file is of records alone */
  constructor(file: string, count: number, header: Buffer, scanner: () => Scanner) {
    this.count = count
    this.#file = file
    this.#header = header
    this.#scanner = scanner
  }

  /** The records [begin, end) but for those of `without`, ascending; a header first. */
  async *bytes(begin = 0, end = this.count, without: readonly number[] = []): AsyncGenerator<Buffer> {
    if (this.#header.length > 0) yield this.#header
    let next = begin
    for (const left of [...without.filter(one => one >= begin && one < end), end]) {
      if (left > next) yield* this.#between(next, left)
      next = left + 1
    }
  }

  async *#between(begin: number, end: number): AsyncGenerator<Buffer> {
    const from = begin === 0 ? 0 : await this.#beginOf(begin)
    const to = end === this.count ? undefined : await this.#beginOf(end)
    if (to === from) return
    yield* createReadStream(this.#file, { start: from, ...(to === undefined ? {} : { end: to - 1 }) })
  }

  /** In the file, of a record that is in it. */
  async #beginOf(ordinal: number): Promise<number> {
    if (this.#marks.length === 0) {
      await this.#walk(0, (at, offset) => {
        if (at % recordsPerMark === 0) this.#marks.push(offset)
        return true
      })
    }
    const mark = Math.floor(ordinal / recordsPerMark)
    let found = 0
    await this.#walk(this.#marks[mark] ?? 0, (at, offset) => {
      if (at + mark * recordsPerMark === ordinal) found = offset
      return at + mark * recordsPerMark < ordinal
    })
    return found
  }

  async #walk(from: number, onRecord: (at: number, offset: number) => boolean): Promise<void> {
    let at = 0
    await readUnits(
      {
        stretch: fileStretch(this.#file, from),
        encoding: 'utf-8',
        scanner: this.#scanner,
        guesses: false,
        recordBytesMax,
      },
      ({ offset }) => onRecord(at++, offset),
    )
  }
}
