/** The bytes at hand: what was read and not yet done with. Grows only for a record that needs it. */
import { isUtf8 } from 'node:buffer'

const windowBytesMin = 512 * 1024

export class Window {
  bytes: Buffer = Buffer.allocUnsafe(windowBytesMin)
  length = 0
  /** Of bytes[0] in the source object. */
  offset: number
  /** The most bytes of memory it ever took. */
  peakBytes = windowBytesMin
  /** Bytes before this are in valid UTF-8 as far as known; the rest is not looked at yet. */
  #checkedTo = 0
  #dirtyTo = 0

  constructor(offset: number) {
    this.offset = offset
  }

  append(chunk: Buffer): void {
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
    this.bytes.copyWithin(0, count, this.length)
    this.length -= count
    this.offset += count
    this.#checkedTo = Math.max(0, this.#checkedTo - count)
    this.#dirtyTo = Math.max(0, this.#dirtyTo - count)
    if (this.length < windowBytesMin && this.bytes.length > 4 * windowBytesMin) this.#shrink()
  }

  /** Is bytes[begin, end) valid UTF-8? Looks only where the wholesale check found something. */
  isText(begin: number, end: number): boolean {
    const known = begin >= this.#dirtyTo && end <= this.#checkedTo
    return known || isUtf8(this.bytes.subarray(begin, end))
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
