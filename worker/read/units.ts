/**
 * The lines that begin in a partition. A line (a record, or a blank) belongs to the partition in which its first
 * byte lies; so neighbours tile the object exactly, blanks included.
 */

import { MillraceError } from '../../shared/errors.ts'
import type { Encoding } from '../../shared/layout.ts'
import type { ByteRange } from '../../shared/ports.ts'
import type { ScannedLine } from '../../shared/scanned-line.ts'
import { sampleBytesMax } from './guess.ts'
import type { Scanner } from './lines.ts'
import { namingObject } from './object-fault.ts'
import type { Stretch } from './stretch.ts'
import { Window } from './window.ts'

/** UTF-8: bytes[begin, line.contentEnd) of the window, at `offset` in the stretch. Valid during the call only. */
export interface Unit {
  window: Window
  begin: number
  line: ScannedLine
  offset: number
}

export interface UnitsRequest {
  stretch: Stretch
  encoding: Encoding
  /** Given a sample where the scanner must guess whether the byte before the cut is inside quotes. */
  scanner: (sample?: Buffer) => Scanner
  guesses: boolean
  /** A longer record ends the reading; looked at after each chunk. */
  recordBytesMax: number
  signal?: AbortSignal | undefined
}

export interface UnitsEnd {
  /** In the stretch: of the line before which the reader was left; absent where it was not. */
  left?: number
  /** In the stretch: from the first line's first byte to behind the last line; absent where none begins in it. */
  lines?: ByteRange
  bytesRead: number
  /** The most memory the bytes at hand took. */
  windowPeakBytes: number
}

/** Go on behind the unit, end with it, or end before it: then it is not taken. */
type OnUnit = (unit: Unit) => boolean | 'before'

/** Errors: BAD_INPUT for a record over `recordBytesMax`, STOPPED, and those of reading. */
export async function readUnits(request: UnitsRequest, onUnit: OnUnit): Promise<UnitsEnd> {
  const { key } = request.stretch
  try {
    return await readAll(request, onUnit)
  } catch (error) {
    throw key === undefined ? error : namingObject({ key }, error)
  }
}

async function readAll(request: UnitsRequest, onUnit: OnUnit): Promise<UnitsEnd> {
  const { stretch } = request
  const reading = new Reading(request, new Window(stretch.from, request.encoding), onUnit)
  let bytesRead = 0
  if (stretch.first === undefined || stretch.first < stretch.end()) {
    for await (const chunk of stretch.chunks()) {
      if (request.signal?.aborted) throw new MillraceError('STOPPED', 'Asked to stop while reading')
      bytesRead += chunk.length
      reading.push(chunk)
      if (reading.done) break
    }
    reading.end()
  }
  const { left } = reading
  return {
    ...reading.lines(),
    ...(left === undefined ? {} : { left }),
    bytesRead,
    windowPeakBytes: reading.window.peakBytes,
  }
}

class Reading {
  readonly window: Window
  done = false
  left: number | undefined
  readonly #request: UnitsRequest
  readonly #unit: Unit
  readonly #onUnit: OnUnit
  #scanner: Scanner | undefined
  #first: number | undefined
  #lastEnd: number | undefined
  #scanned = 0
  #begin = 0
  #beginOffset: number

  constructor(request: UnitsRequest, window: Window, onUnit: OnUnit) {
    this.#request = request
    this.#first = request.stretch.first
    this.#beginOffset = request.stretch.from
    this.window = window
    this.#onUnit = onUnit
    if (!request.guesses || !request.stretch.guessed) this.#scanner = request.scanner()
    this.#unit = {
      window,
      begin: 0,
      line: { end: 0, contentEnd: 0, fields: 0, fault: 0, loneCr: false },
      offset: 0,
    }
  }

  push(chunk: Buffer): void {
    this.window.append(chunk)
    if (this.#scanner === undefined && this.window.length < sampleBytesMax) return
    this.#scan()
    this.#forget()
  }

  /** The object ended, or enough was read. */
  end(): void {
    if (this.done) return
    this.window.end()
    this.#scan()
    if (this.done) return
    const { length } = this.window
    this.#scanner?.finish(length, this.#begin < length, line => this.#onLine(line))
  }

  lines(): { lines?: ByteRange } {
    if (this.#first === undefined || this.#lastEnd === undefined) return {}
    return { lines: { start: this.#first, end: this.#lastEnd } }
  }

  #scan(): void {
    const { window } = this
    this.#scanner ??= this.#request.scanner(window.bytes.subarray(0, Math.min(window.length, sampleBytesMax)))
    this.#scanned = this.#scanner.scan(window.bytes, this.#scanned, window.length, line => this.#onLine(line))
    if (this.done || this.#first !== undefined) return
    this.done = window.offsetOf(this.#scanned) >= this.#request.stretch.end()
  }

  #onLine(line: ScannedLine): boolean {
    const { stretch } = this.#request
    const lineEnd = this.window.offsetOf(line.end)
    if (this.#first === undefined) {
      if (lineEnd >= stretch.start) this.#first = lineEnd
      this.done = lineEnd >= stretch.end()
    } else {
      const taken = this.#emit(line)
      if (taken === 'before') return this.#leave()
      this.#lastEnd = lineEnd
      this.done = !taken || lineEnd >= stretch.end()
    }
    this.#begin = line.end
    this.#beginOffset = lineEnd
    return !this.done
  }

  #leave(): boolean {
    this.left = this.#beginOffset
    this.done = true
    return false
  }

  #emit(line: ScannedLine): ReturnType<OnUnit> {
    this.#unit.begin = this.#begin
    this.#unit.offset = this.#beginOffset
    this.#unit.line = line
    return this.#onUnit(this.#unit)
  }

  #forget(): void {
    const kept = this.#first === undefined ? this.#scanned : this.#begin
    const { recordBytesMax } = this.#request
    if (this.window.length - kept > recordBytesMax) {
      throw new MillraceError(
        'BAD_INPUT',
        `The record at byte ${this.window.offsetOf(kept)} is over ${recordBytesMax} bytes long`,
      )
    }
    this.window.discard(kept)
    this.#scanned -= kept
    this.#begin -= kept
    if (this.#first === undefined) this.#begin = 0
  }
}
