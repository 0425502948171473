/**
 * Text of any of our encodings as UTF-8, and back to places in the source. Pure.
 * What is not valid becomes bytes that are no UTF-8 either, and that still say what they stand for: half a surrogate
 * pair in three bytes as if it were a character, any other stray byte in two that begin with 0xF8 to 0xFB.
 */
import { isAscii, isUtf8 } from 'node:buffer'
import type { Encoding } from './layout.ts'

/** Of 0x80 to 0x9F in windows-1252; 0: there is no such character. All else is as in latin-1. */
const windows1252 = [
  0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,
  0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a,
  0x0153, 0, 0x017e, 0x0178,
]
const controls = /[\x80-\x9f]/

/** Bytes of a code unit: cuts are made between them. */
export function unitBytesOf(encoding: Encoding): 1 | 2 {
  return encoding === 'utf-16le' || encoding === 'utf-16be' ? 2 : 1
}

/** `undefined`: the bytes are not valid in that encoding. A byte order mark is a character like any other. */
export function decode(bytes: Buffer, encoding: Encoding): string | undefined {
  const utf8 = toUtf8(bytes, encoding)
  return isUtf8(utf8) ? utf8.toString() : undefined
}

/** All of a text at once; never fails. */
export function toUtf8(bytes: Buffer, encoding: Encoding): Buffer {
  const reader = new Utf8Reader(encoding)
  return Buffer.concat([reader.push(bytes), reader.end()])
}

/** How many bytes of the source utf8[begin, end) is, where `begin` and `end` lie between characters. */
export function sourceBytesOf(utf8: Uint8Array, begin: number, end: number, encoding: Encoding): number {
  if (encoding === 'utf-8') return end - begin
  const unit = unitBytesOf(encoding)
  let count = 0
  for (let at = begin; at < end; at++) {
    const byte = utf8[at] ?? 0
    if ((byte & 0xc0) !== 0x80) count += sourceBytesAt(byte, unit)
  }
  return count
}

/** The same of one character that begins with `lead`; not of UTF-8 as it came. */
export function sourceBytesAt(lead: number, unitBytes: 1 | 2): number {
  if (unitBytes === 1 || lead >= 0xf8) return 1
  return lead < 0xf0 ? 2 : 4
}

/** How long that character is in what we made of it. */
export function utf8BytesAt(lead: number): number {
  if (lead < 0x80) return 1
  return lead < 0xe0 || lead >= 0xf8 ? 2 : lead < 0xf0 ? 3 : 4
}

/** Takes the source's bytes piece by piece, cut anywhere, and gives whole characters. */
export class Utf8Reader {
  readonly #encoding: Encoding
  /** The first bytes of a character that is not all there. */
  #held: Buffer = Buffer.alloc(0)

  constructor(encoding: Encoding) {
    this.#encoding = encoding
  }

  /** May answer `bytes` itself, or a part of it. UTF-8 goes by as it is. */
  push(bytes: Buffer): Buffer {
    if (this.#encoding === 'utf-8') return bytes
    if (unitBytesOf(this.#encoding) === 1) return fromOneByte(bytes, this.#encoding)
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    const end = wholeCharacters(all, this.#encoding)
    this.#held = Buffer.from(all.subarray(end))
    return fromUtf16(all.subarray(0, end), this.#encoding)
  }

  /** What is held when the source ends. */
  end(): Buffer {
    const held = this.#held
    this.#held = Buffer.alloc(0)
    const even = held.length & ~1
    const parts = [fromUtf16(held.subarray(0, even), this.#encoding)]
    if (held.length > even) parts.push(strayByte(held[even] ?? 0))
    return Buffer.concat(parts)
  }
}

function fromOneByte(bytes: Buffer, encoding: Encoding): Buffer {
  if (isAscii(bytes)) return bytes
  const text = bytes.toString('latin1')
  if (encoding === 'latin-1' || !controls.test(text)) return Buffer.from(text)
  const named = text.replace(/[\x80-\x9f]/g, control => {
    const character = windows1252[control.charCodeAt(0) - 0x80] ?? 0
    return character === 0 ? control : String.fromCharCode(character)
  })
  return encoded(named, /([\x80-\x9f])/, control => strayByte(control.charCodeAt(0)))
}

/** Text as UTF-8, but for what `invalid`, a pattern of one group, finds in it. */
function encoded(text: string, invalid: RegExp, bytesOf: (found: string) => Buffer): Buffer {
  const parts = text.split(invalid)
  if (parts.length === 1) return Buffer.from(text)
  return Buffer.concat(parts.map((part, at) => (at % 2 === 1 ? bytesOf(part) : Buffer.from(part))))
}

function strayByte(byte: number): Buffer {
  return Buffer.from([0xf8 | (byte >> 6), 0x80 | (byte & 0x3f)])
}

/** The length of `bytes` without a last odd byte and without the first half of a pair. */
function wholeCharacters(bytes: Buffer, encoding: Encoding): number {
  const even = bytes.length & ~1
  if (even === 0) return 0
  const high = bytes[encoding === 'utf-16le' ? even - 1 : even - 2] ?? 0
  return high >= 0xd8 && high < 0xdc ? even - 2 : even
}

function fromUtf16(bytes: Buffer, encoding: Encoding): Buffer {
  const text = (encoding === 'utf-16be' ? Buffer.from(bytes).swap16() : bytes).toString('utf16le')
  return text.isWellFormed() ? Buffer.from(text) : encoded(text, /(\p{Surrogate})/u, halfPair)
}

function halfPair(half: string): Buffer {
  const unit = half.charCodeAt(0)
  return Buffer.from([0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)])
}

/**
 * The bytes of the source that a record came from, also where they are not valid there. Slow: for single records.
 * @param utf8 whole characters, as `Utf8Reader` gives them
 */
export function fromUtf8(utf8: Buffer, encoding: Encoding): Buffer {
  if (encoding === 'utf-8') return utf8
  const parts: Buffer[] = []
  for (let at = 0; at < utf8.length; ) {
    const end = characterEnd(utf8, at)
    parts.push(fromCharacter(utf8.subarray(at, end), encoding))
    at = end
  }
  return Buffer.concat(parts)
}

function characterEnd(utf8: Buffer, begin: number): number {
  let end = begin + 1
  while (end < utf8.length && ((utf8[end] ?? 0) & 0xc0) === 0x80) end++
  return end
}

function fromCharacter(utf8: Buffer, encoding: Encoding): Buffer {
  const [first = 0, second = 0, third = 0] = utf8
  if (first >= 0xf8) return Buffer.from([((first & 3) << 6) | (second & 0x3f)])
  const half = first === 0xed && second >= 0xa0
  const text = half ? String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f)) : utf8.toString()
  if (unitBytesOf(encoding) === 1) return Buffer.from([oneByteOf(text.charCodeAt(0), encoding)])
  const units = Buffer.from(text, 'utf16le')
  return encoding === 'utf-16be' ? units.swap16() : units
}

function oneByteOf(code: number, encoding: Encoding): number {
  const named = encoding === 'windows-1252' ? windows1252.indexOf(code) : -1
  return named === -1 ? code : 0x80 + named
}
