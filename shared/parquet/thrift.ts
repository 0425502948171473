/** Thrift's compact protocol, as far as Parquet's footer speaks it. Pure. */

/** Why the bytes are no sound Thrift, and at which of them; thrown, and caught by who knows what they should be. */
export class ThriftFault extends Error {
  readonly at: number

  constructor(at: number, words: string) {
    super(words)
    this.name = 'ThriftFault'
    this.at = at
  }
}

/** Types as the wire has them. */
export const ThriftType = {
  true: 1,
  false: 2,
  i8: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
} as const

/** Sound footers nest to about ten. */
const depthMax = 64
const varintBytesMax = 10

/** Reads values one behind the other. Errors: ThriftFault, wherever the bytes end too early or make no sense. */
export class ThriftReader {
  readonly bytes: Uint8Array
  at: number
  #depth = 0

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  /** `onField` reads the value, or answers `false` to have it skipped. */
  struct(onField: (id: number, type: number) => boolean): void {
    if (++this.#depth > depthMax) throw this.fault(`structures nest deeper than ${depthMax}`)
    let id = 0
    for (;;) {
      const head = this.#byte()
      if (head === 0) break
      const type = head & 15
      const delta = head >> 4
      id = delta === 0 ? this.integer() : id + delta
      if (!onField(id, type)) this.skip(type)
    }
    this.#depth--
  }

  /** How many elements follow, and of which type. */
  list(): { size: number; type: number } {
    const head = this.#byte()
    const size = head >> 4 === 15 ? this.#varint() : head >> 4
    // No element is shorter than a byte, so a wrong size cannot make a long loop.
    if (size > this.bytes.length - this.at) throw this.fault(`a list of ${size} elements does not fit`)
    return { size, type: head & 15 }
  }

  /** Of i16, i32 or i64. */
  integer(): number {
    const from = this.at
    const raw = this.#varint()
    const value = raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
    if (!Number.isSafeInteger(raw)) throw new ThriftFault(from, 'a number is out of range')
    return value
  }

  text(): string {
    const from = this.#advance(this.#varint())
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + from, this.at - from).toString('utf8')
  }

  skip(type: number): void {
    if (type === ThriftType.true || type === ThriftType.false) return
    if (type === ThriftType.i8) this.#advance(1)
    else if (type === ThriftType.double) this.#advance(8)
    else if (type === ThriftType.binary) this.#advance(this.#varint())
    else if (type === ThriftType.struct) this.struct(() => false)
    else if (type === ThriftType.list || type === ThriftType.set) this.#skipList()
    else if (type === ThriftType.map) this.#skipMap()
    else if (type >= ThriftType.i16 && type <= ThriftType.i64) this.#skipVarint()
    else throw this.fault(`there is no type ${type}`)
  }

  fault(words: string): ThriftFault {
    return new ThriftFault(this.at, words)
  }

  #skipList(): void {
    const { size, type } = this.list()
    for (let count = 0; count < size; count++) this.#skipElement(type)
  }

  #skipMap(): void {
    const size = this.#varint()
    if (size === 0) return
    if (size > this.bytes.length - this.at) throw this.fault(`a map of ${size} entries does not fit`)
    const types = this.#byte()
    for (let count = 0; count < size; count++) {
      this.#skipElement(types >> 4)
      this.#skipElement(types & 15)
    }
  }

  /** A boolean has a byte of its own in a collection, and none in a structure. */
  #skipElement(type: number): void {
    if (type === ThriftType.true || type === ThriftType.false) this.#advance(1)
    else this.#nested(() => this.skip(type))
  }

  #nested(work: () => void): void {
    if (++this.#depth > depthMax) throw this.fault(`values nest deeper than ${depthMax}`)
    work()
    this.#depth--
  }

  #byte(): number {
    const byte = this.bytes[this.at]
    if (byte === undefined) throw this.fault('the bytes end too early')
    this.at++
    return byte
  }

  #varint(): number {
    let value = 0
    let scale = 1
    for (let count = 0; count < varintBytesMax; count++) {
      const byte = this.#byte()
      value += (byte & 127) * scale
      if (byte < 128) return value
      scale *= 128
    }
    throw this.fault('a number has no end')
  }

  #skipVarint(): void {
    for (let count = 0; count < varintBytesMax; count++) if (this.#byte() < 128) return
    throw this.fault('a number has no end')
  }

  /** Over `count` bytes. Answers where they begin. */
  #advance(count: number): number {
    const from = this.at
    if (count > this.bytes.length - from) throw this.fault(`${count} bytes do not fit`)
    this.at += count
    return from
  }
}

/** A number as the wire has it. */
export function varintOf(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) | 128)
  }
}

export function integerOf(value: number): number[] {
  return varintOf(value < 0 ? -2 * value - 1 : 2 * value)
}

/** The head of a list of structures. */
export function listHeadOf(size: number): number[] {
  const { struct } = ThriftType
  return size < 15 ? [(size << 4) | struct] : [0xf0 | struct, ...varintOf(size)]
}
