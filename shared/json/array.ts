/**
 * Finds the array of records in a JSON document as it streams by, and makes it NDJSON in place: every byte outside
 * its elements becomes LF, every line break between the tokens of an element a space. So a place in what comes out
 * is the same place in what went in. Pure.
 *
 * The brackets, keys, commas and strings of the whole document must be sound, since a wrong one shifts all records
 * behind it; what is wrong within a record beyond that is left to whoever reads the record.
 */
import type { MillraceError } from '../errors.ts'
import { JsonPath } from './path.ts'
import * as token from './tokens.ts'

type Within = 'structure' | 'string' | 'scalar'

export class JsonArray {
  readonly #path: JsonPath
  /** Of the chunk's first byte. */
  #offset = 0
  #line = 1
  #within: Within = 'structure'
  #expected: token.Expected = 'a value'
  /** 1 where the container of that depth is an object. */
  readonly #isObject = new Uint8Array(token.depthMax + 1)
  #depth = 0
  #onPath = true
  #isKey = false
  #escaped = false
  /** Bytes of a key on the way, or of a scalar outside the array. */
  #text: number[] | undefined
  /** While the array is open. */
  #arrayDepth = 0
  #inElement = false
  #out: Buffer = Buffer.alloc(0)
  /** Of the chunk, up to here all that is outside the elements is LF. */
  #blankedTo = 0

  /** @param path names with dots between them; absent: the root is the array */
  constructor(path?: string) {
    this.#path = new JsonPath(path)
  }

  /** Errors: BAD_INPUT with its refusal. */
  rewrite(chunk: Buffer): Buffer {
    this.#out = Buffer.from(chunk)
    this.#blankedTo = 0
    for (let at = 0; at < chunk.length; ) {
      if (this.#within === 'string') at = this.#string(chunk, at)
      else if (this.#within === 'scalar') at = this.#scalar(chunk, at)
      else at = this.#structure(chunk[at] ?? 0, at)
    }
    if (!this.#inElement) this.#out.fill(token.lineFeed, this.#blankedTo)
    this.#offset += chunk.length
    return this.#out
  }

  /** The document ends. Errors: BAD_INPUT where it must not yet. An empty one has no records. */
  end(): void {
    if (this.#offset === 0 || this.#expected === 'nothing') return
    const open = this.#depth === 0 ? '' : `, ${this.#depth} brackets or braces are open`
    throw this.#broken(
      0,
      `the document is cut off: ${this.#within === 'string' ? 'a string' : 'it'} goes on${open}`,
    )
  }

  #structure(byte: number, at: number): number {
    if (token.isSpace(byte)) {
      if (byte === token.lineFeed) this.#line++
      if (this.#inElement && (byte === token.lineFeed || byte === token.carriageReturn))
        this.#out[at] = token.space
      return at + 1
    }
    if (this.#offset + at < 3 && byte === token.byteOrderMark[this.#offset + at]) return at + 1
    const expected = this.#expected
    const inObject = this.#isObject[this.#depth] === 1
    const closer = inObject ? token.closeBrace : token.closeBracket
    if (byte === token.comma && expected === 'a comma or the end') {
      this.#expected = inObject ? 'a key' : 'a value'
    } else if (byte === token.colon && expected === 'a colon') this.#expected = 'a value'
    else if (byte === closer && token.mayClose(expected)) this.#close(at)
    else if (expected === 'a value' || expected === 'a value or ]') this.#begin(byte, at)
    else if (expected === 'a key' || expected === 'a key or }') this.#beginKey(byte, at)
    else throw this.#unexpected(byte, at)
    return at + 1
  }

  #begin(byte: number, at: number): void {
    const opens = byte === token.openBrace || byte === token.openBracket
    if (!opens && byte !== token.quote && !token.beginsScalar(byte)) throw this.#unexpected(byte, at)
    const isArray = this.#onPath && this.#path.enters(byte, this.#where(at))
    this.#onPath = false
    if (this.#arrayDepth !== 0 && this.#depth === this.#arrayDepth) {
      this.#inElement = true
      // A few bytes as a rule, for which `fill` would be slow.
      for (let blank = this.#blankedTo; blank < at; blank++) this.#out[blank] = token.lineFeed
    }
    if (opens) this.#open(byte, at, isArray)
    else this.#within = byte === token.quote ? 'string' : 'scalar'
    this.#text = this.#within === 'scalar' && !this.#inElement ? [byte] : undefined
  }

  #open(byte: number, at: number, isArray: boolean): void {
    if (this.#depth === token.depthMax) {
      throw token.refused(
        'JSON_TOO_DEEP',
        `${this.#where(at)}: nested over ${token.depthMax} levels deep`,
        token.brokenRemedy,
      )
    }
    this.#depth++
    this.#isObject[this.#depth] = byte === token.openBrace ? 1 : 0
    this.#expected = byte === token.openBrace ? 'a key or }' : 'a value or ]'
    if (isArray) this.#arrayDepth = this.#depth
  }

  #close(at: number): void {
    if (this.#depth === this.#arrayDepth) this.#arrayDepth = 0
    if (this.#depth === this.#path.depth) this.#path.leaves(this.#where(at))
    this.#depth--
    this.#valueEnds(at + 1)
  }

  #beginKey(byte: number, at: number): void {
    if (byte !== token.quote) throw this.#unexpected(byte, at)
    this.#isKey = true
    this.#within = 'string'
    this.#text = this.#depth === this.#path.depth ? [] : undefined
  }

  #string(chunk: Buffer, from: number): number {
    const skips = this.#inElement && !this.#escaped
    for (let at = skips ? token.plainEnd(chunk, from) : from; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (
        byte < token.space &&
        (!this.#inElement || byte === token.lineFeed || byte === token.carriageReturn)
      ) {
        throw this.#broken(at, `a string holds the raw byte 0x${byte.toString(16).padStart(2, '0')}`)
      }
      if (this.#escaped) this.#escaped = false
      else if (byte === token.backslash) this.#escaped = true
      else if (byte === token.quote) return this.#stringEnds(at + 1)
      if (this.#text !== undefined && this.#text.length <= token.textBytesMax) this.#text.push(byte)
    }
    return chunk.length
  }

  #stringEnds(at: number): number {
    this.#within = 'structure'
    if (!this.#isKey) {
      this.#valueEnds(at)
      return at
    }
    this.#isKey = false
    this.#expected = 'a colon'
    if (this.#text !== undefined) this.#onPath = this.#path.takes(this.#key(at), this.#where(at))
    return at
  }

  #scalar(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length && token.inScalar(chunk[at] ?? 0)) {
      if (this.#text !== undefined && this.#text.length <= token.textBytesMax) this.#text.push(chunk[at] ?? 0)
      at++
    }
    if (at === chunk.length) return at
    this.#within = 'structure'
    if (!token.isScalar(this.#text)) throw this.#broken(at, 'what stands before it is no value')
    this.#valueEnds(at)
    return at
  }

  #key(at: number): string {
    const key = token.keyText(this.#text ?? [])
    if (key === undefined) throw this.#broken(at, 'the key before it holds a wrong escape')
    return key
  }

  #valueEnds(at: number): void {
    this.#expected = this.#depth === 0 ? 'nothing' : 'a comma or the end'
    if (!this.#inElement || this.#depth !== this.#arrayDepth) return
    this.#inElement = false
    this.#blankedTo = at
  }

  #where(at: number): string {
    return `byte ${this.#offset + at} (line ${this.#line})`
  }

  #unexpected(byte: number, at: number): MillraceError {
    return this.#broken(at, `${token.byteWords(byte)} stands where ${this.#expected} should`)
  }

  #broken(at: number, what: string): MillraceError {
    return token.refused('JSON_BROKEN', `${this.#where(at)}: ${what}`, token.brokenRemedy)
  }
}
