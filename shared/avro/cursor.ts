/** Avro's binary encoding, value by value. Pure. After https://avro.apache.org/docs/1.12.0/specification/ */
import { isUtf8 } from 'node:buffer'

/** Why bytes are no sound Avro, and at which of them. */
export class AvroFault extends Error {
  readonly at: number

  constructor(at: number, words: string) {
    super(words)
    this.name = 'AvroFault'
    this.at = at
  }
}

const longBytesMax = 10
/** Eight bytes of which the last is below 16 have 53 bits; with more, a number would have to be a BigInt. */
const plainBytesMax = 8
const lastPlainByteMax = 15
/** Items that take no bytes, such as nulls, cannot be held against the bytes there are. */
const emptyItemsMax = 1_000_000

/** Errors of all its readers: AvroFault where the bytes end too early or make no sense. */
export class AvroCursor {
  readonly bytes: Buffer
  at: number
  /** A text that was read is not valid UTF-8. */
  garbled = false

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  fault(words: string): AvroFault {
    return new AvroFault(this.at, words)
  }

  byte(): number {
    const byte = this.bytes[this.at]
    if (byte === undefined) throw new AvroFault(this.at, 'the bytes end too early')
    this.at++
    return byte
  }

  /** int or long. */
  long(): number | bigint {
    const from = this.at
    let value = 0
    let scale = 1
    for (let count = 0; count < plainBytesMax; count++) {
      const byte = this.byte()
      if (count === plainBytesMax - 1 && byte > lastPlainByteMax) break
      value += (byte & 127) * scale
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      scale *= 128
    }
    return this.#wide(from)
  }

  /** A number that counts or measures. */
  count(what: string): number {
    const from = this.at
    const value = Number(this.long())
    if (Number.isSafeInteger(value)) return value
    throw new AvroFault(from, `${what} is out of range`)
  }

  /** Over `length` bytes. Answers where they begin. */
  advance(length: number): number {
    const from = this.at
    if (length < 0 || length > this.bytes.length - from) {
      throw new AvroFault(from, `${length} bytes do not fit in the ${this.bytes.length - from} that are left`)
    }
    this.at += length
    return from
  }

  data(): Buffer {
    const from = this.advance(this.count('a length'))
    return this.bytes.subarray(from, this.at)
  }

  text(): string {
    const from = this.advance(this.count('a length'))
    const text = this.bytes.toString('utf8', from, this.at)
    if (text.includes('\ufffd') && !isUtf8(this.bytes.subarray(from, this.at))) this.garbled = true
    return text
  }

  /** The items of an array or map. */
  items(onItem: () => void): void {
    for (;;) {
      const from = this.at
      let count = this.count('a count')
      if (count === 0) return
      if (count < 0) {
        count = -count
        this.count('a length')
      }
      if (count > Math.max(emptyItemsMax, this.bytes.length - this.at)) {
        throw new AvroFault(from, `${count} items do not fit`)
      }
      for (let item = 0; item < count; item++) onItem()
    }
  }

  #wide(from: number): bigint {
    this.at = from
    let value = 0n
    for (let count = 0; count < longBytesMax; count++) {
      const byte = this.byte()
      value |= BigInt(byte & 127) << BigInt(7 * count)
      if (byte < 128) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
    }
    throw new AvroFault(from, 'a number has no end')
  }
}
