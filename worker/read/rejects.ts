/** The records that cannot be taken, each with its place and the reason, on disk until they are uploaded. */
import { appendFileSync } from 'node:fs'
import {
  type Position,
  type RejectedRecord,
  rejectedRawBytesMax,
  rejectsPerPartitionMax,
} from '../../shared/documents.ts'

export class Rejects {
  readonly file: string
  count = 0
  /** How many of them our reader cut and found broken; the others did not fit their column's type. */
  recordsCut = 0
  /** In the source: misfits are found after all that our reader rejects. */
  first: RejectedRecord | undefined
  readonly #partition: number
  #pending: string[] = []

  constructor(file: string, partition: number) {
    this.file = file
    this.#partition = partition
  }

  /** Answers `false` where there are too many: one more than can be kept. */
  add(position: Position, reason: string, raw: Buffer, column?: string): boolean {
    this.count++
    if (this.tooMany) return false
    const record: RejectedRecord = {
      partition: this.#partition,
      byteOffset: position.at,
      ...(position.within ? { within: position.within } : {}),
      ...(column === undefined ? {} : { column }),
      reason,
      raw: raw.toString('utf8', 0, Math.min(raw.length, rejectedRawBytesMax)),
    }
    if (this.first === undefined || position.at < this.first.byteOffset) this.first = record
    this.#pending.push(`${JSON.stringify(record)}\n`)
    if (this.#pending.length >= 100) this.flush()
    return true
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
