/** Files of nothing but rejected records, in the very bytes in which they stand in the source. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type RejectedRecord, type RunDocument, rejectedRawBytesMax } from '../shared/documents.ts'
import { fromUtf8, toUtf8, unitBytesOf } from '../shared/encoding.ts'
import { isError, MillraceError } from '../shared/errors.ts'
import { recordBytesOf } from '../shared/fixed.ts'
import { formatOf } from '../worker/read/format.ts'
import { type Frame, nameOf, type RejectSource } from './reject-source.ts'

export interface ReplayFile {
  file: string
  records: number
  bytes: number
}

interface OpenFile extends ReplayFile {
  fd: number
  lineEnd: Buffer
  /** Behind all records. */
  end: Buffer
}

/** A record that is in none of the files. */
export interface LostReject {
  reject: RejectedRecord
  why: string
}

/** Objects of one run with headers or line ends of their own; each becomes a file. */
const framesMax = 100

export class RejectFiles {
  readonly #run: RunDocument
  readonly #source: RejectSource
  readonly #dir: string
  readonly #onLost: (lost: LostReject) => void
  /** By the object whose records go into it. */
  readonly #files = new Map<string, OpenFile>()
  /** By the frame's own bytes. */
  readonly #framed = new Map<string, OpenFile>()

  constructor(run: RunDocument, source: RejectSource, dir: string, onLost: (lost: LostReject) => void) {
    this.#run = run
    this.#source = source
    this.#dir = dir
    this.#onLost = onLost
  }

  /** Errors: those of reading the source, but for what is gone. */
  async add(reject: RejectedRecord): Promise<void> {
    try {
      const record = keptBytes(reject, this.#run) ?? (await this.#source.record(reject))
      const file = await this.#fileOf(reject)
      const why = notAlone(this.#run, record, file.lineEnd)
      if (why === undefined) this.#write(file, record)
      else this.#onLost({ reject, why })
    } catch (error) {
      if (!isGone(error)) throw error
      this.#onLost({ reject, why: 'its version of the source is gone' })
    }
  }

  /** To be called in any case. */
  close(): void {
    for (const { fd, end } of this.#framed.values()) {
      writeSync(fd, end)
      closeSync(fd)
    }
  }

  /** Those that hold any. */
  written(): ReplayFile[] {
    return [...this.#framed.values()].filter(({ records }) => records > 0)
  }

  async #fileOf(reject: RejectedRecord): Promise<OpenFile> {
    const known = this.#files.get(nameOf(reject))
    if (known) return known
    const found = await this.#source.frame(reject).catch((error: unknown) => {
      const { header = false, space } = this.#run.layout
      // Objects of a list may have their fields in other orders.
      if (!isGone(error) || (header && space === 'objects')) throw error
      return madeUpFrame(this.#run)
    })
    const frame = framed(this.#run, found)
    const name = `${frame.head.toString('base64')} ${frame.lineEnd.toString('base64')}`
    const file = this.#framed.get(name) ?? this.#begin(frame)
    this.#framed.set(name, file)
    this.#files.set(nameOf(reject), file)
    return file
  }

  #write(open: OpenFile, record: Buffer): void {
    const between = this.#text(this.#run.layout.format === 'json' && open.records > 0 ? ',\n' : '')
    const bytes = Buffer.concat([between, record, open.lineEnd])
    writeSync(open.fd, bytes)
    open.records++
    open.bytes += bytes.length
  }

  #begin({ head, lineEnd }: Frame): OpenFile {
    if (this.#framed.size === framesMax) {
      const words = `The records stand behind more than ${framesMax} different headers`
      throw new MillraceError('NOT_ALLOWED', words, {
        remedy: 'Take them from `millrace reject list --raw`, and drop files of your own.',
      })
    }
    const file = join(this.#dir, `replay-${this.#framed.size}`)
    const fd = openSync(file, 'wx')
    writeSync(fd, head)
    const end = this.#text(arrayEnds(this.#run)[1])
    return { file, fd, records: 0, bytes: head.length + end.length, lineEnd, end }
  }

  #text(text: string): Buffer {
    return fromUtf8(Buffer.from(text), this.#run.layout.encoding)
  }
}

/** `undefined`: it may have been cut. */
function keptBytes({ raw, rawBase64 }: RejectedRecord, { layout }: RunDocument): Buffer | undefined {
  // What was cut within a character has become longer by what stands for the rest of it.
  if (Buffer.byteLength(raw) >= rejectedRawBytesMax) return undefined
  return rawBase64 === undefined
    ? fromUtf8(Buffer.from(raw), layout.encoding)
    : Buffer.from(rawBase64, 'base64')
}

function isGone(error: unknown): boolean {
  return isError(error, 'OBJECT_MISSING') || isError(error, 'SOURCE_CHANGED')
}

/** As found, but for formats whose records stand in something else than lines. */
function framed(run: RunDocument, { head, lineEnd }: Frame): Frame {
  if (recordBytesOf(run.pipeline.source) !== undefined) return { head, lineEnd: Buffer.alloc(0) }
  if (run.layout.format !== 'json') return { head, lineEnd }
  return { head: fromUtf8(Buffer.from(arrayEnds(run)[0]), run.layout.encoding), lineEnd: Buffer.alloc(0) }
}

/** What stands before and behind the records of a JSON document. */
function arrayEnds({ pipeline: { source } }: RunDocument): [string, string] {
  if (source.format !== 'json') return ['', '']
  const names = source.path?.split('.') ?? []
  return [`${names.map(name => `{${JSON.stringify(name)}:`).join('')}[\n`, `\n]${'}'.repeat(names.length)}\n`]
}

/** Where the source is gone: what the run knows of it says the same. */
function madeUpFrame({ layout, columns }: RunDocument): Frame {
  const { delimiter, quote } = layout.csv ?? { delimiter: ',', quote: '"' }
  const mark = unitBytesOf(layout.encoding) === 2 ? '\ufeff' : ''
  const names = layout.fields ?? columns.map(({ name }) => name)
  const quoted = (name: string): string =>
    quote === '' ? name : quote + name.replaceAll(quote, quote + quote) + quote
  const header = layout.header ? `${names.map(quoted).join(delimiter)}\n` : ''
  const bytesOf = (text: string): Buffer => fromUtf8(Buffer.from(text), layout.encoding)
  return { head: bytesOf(mark + header), lineEnd: bytesOf('\n') }
}

/** Why it cannot stand among others; `undefined`: cut again, it is one record and ends where it ends. */
function notAlone(run: RunDocument, record: Buffer, lineEnd: Buffer): string | undefined {
  if (run.layout.format === 'json') return undefined
  const utf8 = toUtf8(Buffer.concat([record, lineEnd]), run.layout.encoding)
  const ends: number[] = []
  formatOf(run)
    .scanner()
    .scan(utf8, 0, utf8.length, line => ends.push(line.end) > 0)
  if (ends.length === 1 && ends[0] === utf8.length) return undefined
  return 'it does not end by itself: records behind it would be read as parts of it'
}
