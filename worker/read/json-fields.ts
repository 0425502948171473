/**
 * Finds the values of an object's own keys as they stand in the text, digit for digit: DuckDB's JSON reader gives
 * reals back as doubles. What looks unusual is put before JSON.parse, which knows the grammar whole.
 */
import { isBeyondJson, isJson, unescaped } from './json-text.ts'

const quote = 34
const backslash = 92
const comma = 44
const colon = 58
const openBrace = 123
const closeBrace = 125
const openBracket = 91
const closeBracket = 93

const isSpace = (byte: number | undefined): boolean => byte === 32 || byte === 9 || byte === 13
const notJson = 'The line is not valid JSON.'

/** Thrown to leave the walk; never seen outside. */
class Unusual extends Error {}
const unusual = new Unusual()

export class JsonFields {
  /** Of each name's value; -1 where the key is missing or its value is null. */
  readonly begins: number[]
  readonly ends: number[]
  /** A CR stands between the tokens. */
  hasCr = false
  /** Of each member that no name is of, from its key to its value, where they are asked for. */
  readonly rest: number[] = []
  readonly #names: Buffer[]
  readonly #keepsRest: boolean
  readonly #seen: boolean[]
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0
  #doubtful = false
  #next = 0
  #doubled: string | undefined

  /** @param keepsRest tells of the other members in `rest`: begin and end of each, one behind the other */
  constructor(names: string[], keepsRest = false) {
    this.#names = names.map(name => Buffer.from(name))
    this.#keepsRest = keepsRest
    this.begins = names.map(() => -1)
    this.ends = names.map(() => -1)
    this.#seen = names.map(() => false)
  }

  /** Reads one line. Answers why it is no sound record, or `undefined`. */
  read(bytes: Buffer, begin: number, end: number): string | undefined {
    this.#bytes = bytes
    this.#at = begin
    this.#end = end
    this.#doubtful = false
    this.hasCr = false
    this.#next = 0
    this.#doubled = undefined
    this.begins.fill(-1)
    this.#seen.fill(false)
    this.rest.length = 0
    try {
      this.#object()
    } catch (error) {
      if (error !== unusual) throw error
      return isJson(bytes.toString('utf8', begin, end)) ? 'The line is JSON, but no object.' : notJson
    }
    if (this.#doubtful && !isJson(bytes.toString('utf8', begin, end))) return notJson
    return this.#doubled && `The key ${JSON.stringify(this.#doubled)} stands twice in the object.`
  }

  #object(): void {
    this.#expect(openBrace)
    this.#space()
    if (this.#bytes[this.#at] !== closeBrace) {
      for (;;) {
        this.#space()
        const begin = this.#at
        const name = this.#key()
        this.#expect(colon)
        this.#space()
        this.#value(name)
        if (name === -1 && this.#keepsRest) this.rest.push(begin, this.#at)
        this.#space()
        if (this.#at >= this.#end || this.#bytes[this.#at] !== comma) break
        this.#at++
      }
    }
    this.#expect(closeBrace)
    this.#space()
    if (this.#at !== this.#end) throw unusual
  }

  #expect(byte: number): void {
    this.#space()
    if (this.#at >= this.#end || this.#bytes[this.#at] !== byte) throw unusual
    this.#at++
  }

  #space(): void {
    while (this.#at < this.#end && isSpace(this.#bytes[this.#at])) {
      if (this.#bytes[this.#at] === 13) this.hasCr = true
      this.#at++
    }
  }

  /** The number of the name that the key at hand is, or -1. Keys mostly come in the same order. */
  #key(): number {
    const begin = this.#at + 1
    if (this.#at >= this.#end || this.#bytes[this.#at] !== quote) throw unusual
    const escaped = this.#string()
    const count = this.#names.length
    const key = escaped ? unescaped(this.#bytes, begin - 1, this.#at) : undefined
    if (escaped && key === undefined) throw unusual
    for (let tries = 0; tries < count; tries++) {
      const name = (this.#next + tries) % count
      if (key === undefined ? this.#isName(name, begin, this.#at - 1) : this.#names[name]?.equals(key)) {
        this.#next = name + 1
        return name
      }
    }
    return -1
  }

  #isName(name: number, begin: number, end: number): boolean {
    const wanted = this.#names[name]
    if (wanted === undefined || wanted.length !== end - begin) return false
    for (let at = 0; at < wanted.length; at++) if (wanted[at] !== this.#bytes[begin + at]) return false
    return true
  }

  #value(name: number): void {
    const begin = this.#at
    const first = this.#bytes[begin]
    if (begin >= this.#end) throw unusual
    if (first === quote) this.#string()
    else if (first === openBrace || first === openBracket) this.#nested()
    else this.#word()
    if (name === -1) return
    if (this.#seen[name]) this.#doubled ??= this.#names[name]?.toString()
    this.#seen[name] = true
    // Only `null` starts with an n, where the line is valid.
    this.begins[name] = first === 110 ? -1 : begin
    this.ends[name] = this.#at
  }

  /** From the opening quote to behind the closing one. Answers whether anything is escaped. */
  #string(): boolean {
    let escaped = false
    for (let at = this.#at + 1; at < this.#end; at++) {
      const byte = this.#bytes[at] ?? 0
      if (byte === quote) {
        this.#at = at + 1
        return escaped
      }
      if (byte === backslash) {
        escaped = true
        at++
      } else if (byte < 32) this.#doubtful = true
    }
    throw unusual
  }

  #nested(): void {
    let depth = 0
    let before = 0
    while (this.#at < this.#end) {
      const byte = this.#bytes[this.#at] ?? 0
      if (byte === quote) this.#string()
      else this.#at++
      if (byte === openBrace || byte === openBracket) depth++
      if (isBeyondJson(byte, before)) this.#doubtful = true
      if (byte === 13) this.hasCr = true
      if (byte === closeBrace || byte === closeBracket) {
        if (before === comma) this.#doubtful = true
        if (--depth === 0) return
      }
      if (!isSpace(byte)) before = byte
    }
    throw unusual
  }

  /** A number, true, false or null; DuckDB's own check sees to the order of their bytes. */
  #word(): void {
    const begin = this.#at
    let before = 0
    for (; this.#at < this.#end; this.#at++) {
      const byte = this.#bytes[this.#at] ?? 0
      if (byte === comma || byte === closeBrace || isSpace(byte)) break
      if (isBeyondJson(byte, before)) throw unusual
      before = byte
    }
    if (this.#at === begin) throw unusual
  }
}
