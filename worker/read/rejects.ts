/** The records that cannot be taken, each with its place and the reason, on disk until they are uploaded. */
import { isUtf8 } from 'node:buffer'
import { appendFileSync } from 'node:fs'
import {
  type Position,
  type RejectedRecord,
  type RunDocument,
  rejectedRawBytesMax,
  rejectsPerPartitionMax,
} from '../../shared/documents.ts'
import { fromUtf8 } from '../../shared/encoding.ts'
import type { Format } from '../../shared/layout.ts'
import { placeOf } from './place.ts'

/** What the reader has as lines of these are not lines of the file. */
const linesOfOurs: readonly Format[] = ['avro', 'json']

export class Rejects {
  readonly file: string
  count = 0
  /** How many of them our reader cut and found broken; the others did not fit their column's type. */
  recordsCut = 0
  /** How many of the others broke the work itself. */
  byWork = 0
  /** Why there may be more that break it, where the search for them has ended early. */
  unfinished: string | undefined
  /** In the source: misfits are found after all that our reader rejects. */
  first: RejectedRecord | undefined
  readonly #partition: number
  readonly #run: RunDocument
  #firstAt = Number.POSITIVE_INFINITY
  #pending: string[] = []

  constructor(file: string, partition: number, run: RunDocument) {
    this.file = file
    this.#partition = partition
    this.#run = run
  }

  /**
   * Answers `false` where there are too many: one more than can be kept.
   * @param raw as the reader has it: in UTF-8
   * @param line from 1, of the lines read of its object
   */
  add(position: Position, reason: string, raw: Buffer, column?: string, line?: number): boolean {
    this.count++
    if (this.tooMany) return false
    const record: RejectedRecord = {
      partition: this.#partition,
      ...placeOf(this.#run, position),
      ...(line === undefined || linesOfOurs.includes(this.#run.layout.format) ? {} : { line }),
      ...(column === undefined ? {} : { column }),
      reason,
      ...this.#rawOf(raw),
    }
    if (position.at < this.#firstAt) {
      this.#firstAt = position.at
      this.first = record
    }
    this.#pending.push(`${JSON.stringify(record)}\n`)
    if (this.#pending.length >= 100) this.flush()
    return true
  }

  #rawOf(raw: Buffer): Pick<RejectedRecord, 'raw' | 'rawBase64'> {
    const kept = raw.subarray(0, rejectedRawBytesMax)
    const text = { raw: kept.toString('utf8') }
    if (isUtf8(raw)) return text
    return { ...text, rawBase64: fromUtf8(kept, this.#run.layout.encoding).toString('base64') }
  }

  /** The reading is over: what comes now are misfits. */
  cut(): void {
    this.recordsCut = this.count
  }

  get tooMany(): boolean {
    return this.count > rejectsPerPartitionMax
  }

  flush(): void {
    appendFileSync(this.file, this.#pending.join(''))
    this.#pending = []
  }
}
