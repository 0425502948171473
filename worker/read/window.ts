/** The bytes at hand as UTF-8: what was read and not yet done with. Grows only for a record that needs it. */
import { isUtf8 } from 'node:buffer'
import { sourceBytesOf, Utf8Reader } from '../../shared/encoding.ts'
import type { Encoding } from '../../shared/layout.ts'

const encodingNames: Record<Encoding, string> = {
  'utf-8': 'UTF-8',
  'utf-16le': 'UTF-16LE',
  'utf-16be': 'UTF-16BE',
  'latin-1': 'latin-1',
  'windows-1252': 'windows-1252',
}
const windowBytesMin = 512 * 1024

export class Window {
  bytes: Buffer = Buffer.allocUnsafe(windowBytesMin)
  length = 0
  /** Of the text that comes in. */
  readonly encoding: Encoding
  /** The most bytes of memory it ever took. */
  peakBytes = windowBytesMin
  /** Bytes before this are in valid UTF-8 as far as known; the rest is not looked at yet. */
  #checkedTo = 0
  #dirtyTo = 0

  /** `bytes` are those of the source. */
  readonly #isSource: boolean
  readonly #reader: Utf8Reader
  /** A place in `bytes`, and its offset in the source; moved on by who asks for one behind it. */
  #known = 0
  #knownOffset: number

  constructor(offset: number, encoding: Encoding) {
    this.encoding = encoding
    this.#isSource = encoding === 'utf-8'
    this.#knownOffset = offset
    this.#reader = new Utf8Reader(encoding)
  }

  append(chunk: Buffer): void {
    this.#append(this.#reader.push(chunk))
  }

  /** The source ended. */
  end(): void {
    this.#append(this.#reader.end())
  }

  /** In the source, of bytes[at], which begins a character; never before a place that was asked for already. */
  offsetOf(at: number): number {
    this.#knownOffset += this.#isSource
      ? at - this.#known
      : sourceBytesOf(this.bytes, this.#known, at, this.encoding)
    this.#known = at
    return this.#knownOffset
  }

  #append(chunk: Buffer): void {
    const needed = this.length + chunk.length
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2))
      this.bytes.copy(grown, 0, 0, this.length)
      this.peakBytes = Math.max(this.peakBytes, grown.length + this.bytes.length)
      this.bytes = grown
    }
    chunk.copy(this.bytes, this.length)
    this.length = needed
    this.#check()
  }

  discard(count: number): void {
    if (count === 0) return
    this.offsetOf(Math.max(count, this.#known))
    this.#known -= count
    this.bytes.copyWithin(0, count, this.length)
    this.length -= count
    this.#checkedTo = Math.max(0, this.#checkedTo - count)
    this.#dirtyTo = Math.max(0, this.#dirtyTo - count)
    if (this.length < windowBytesMin && this.bytes.length > 4 * windowBytesMin) this.#shrink()
  }

  /** Is bytes[begin, end) valid text? Looks only where the wholesale check found something. */
  isText(begin: number, end: number): boolean {
    const known = begin >= this.#dirtyTo && end <= this.#checkedTo && !this.#cuts(begin) && !this.#cuts(end)
    return known || isUtf8(this.bytes.subarray(begin, end))
  }

  /** Why bytes[begin, end) is no sound record, if that is for its text alone. */
  textFault(begin: number, end: number): string | undefined {
    return this.isText(begin, end) ? undefined : `The record is not valid ${encodingNames[this.encoding]}.`
  }

  /** Is `at` within a character? Only records of so many bytes can begin or end there. */
  #cuts(at: number): boolean {
    return at < this.length && ((this.bytes[at] ?? 0) & 0xc0) === 0x80
  }

  #shrink(): void {
    this.bytes = Buffer.from(this.bytes.subarray(0, windowBytesMin))
  }

  #check(): void {
    const to = wholeCharacters(this.bytes, this.#checkedTo, this.length)
    if (!isUtf8(this.bytes.subarray(this.#checkedTo, to))) this.#dirtyTo = to
    this.#checkedTo = to
  }
}

/** `end`, or less by the bytes of a last character that is not all there. */
function wholeCharacters(bytes: Buffer, from: number, end: number): number {
  for (let at = end - 1; at >= Math.max(from, end - 3); at--) {
    const byte = bytes[at] ?? 0
    if (byte < 0x80) return end
    if (byte >= 0xc0) return at + (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > end ? at : end
  }
  return end
}
