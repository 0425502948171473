/** What JSON is made of, byte by byte. Pure. */
import { MillraceError } from '../errors.ts'

export const lineFeed = 10
export const carriageReturn = 13
export const space = 32
export const quote = 34
export const comma = 44
export const colon = 58
export const openBracket = 91
export const backslash = 92
export const closeBracket = 93
export const openBrace = 123
export const closeBrace = 125
export const byteOrderMark = [0xef, 0xbb, 0xbf]

/** Deeper nesting is refused. */
export const depthMax = 1000

/** What may stand next, in words for people. */
export type Expected =
  | 'a value'
  | 'a value or ]'
  | 'a key'
  | 'a key or }'
  | 'a colon'
  | 'a comma or the end'
  | 'nothing'
/** May the container end instead? */
export const mayClose = (expected: Expected): boolean =>
  expected === 'a comma or the end' || expected === 'a value or ]' || expected === 'a key or }'

/** Where in a string something other than plain characters stands. */
export function plainEnd(bytes: Buffer, from: number): number {
  let at = from
  for (; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (byte === quote || byte === backslash || byte < space) return at
  }
  return at
}

export const isSpace = (byte: number): boolean =>
  byte === space || byte === lineFeed || byte === carriageReturn || byte === 9
export const beginsScalar = (byte: number): boolean =>
  byte === 45 || (byte >= 48 && byte <= 57) || byte === 116 || byte === 102 || byte === 110
/** + - . digits, letters */
export const inScalar = (byte: number): boolean =>
  (byte >= 97 && byte <= 122) ||
  (byte >= 48 && byte <= 57) ||
  (byte >= 65 && byte <= 90) ||
  byte === 45 ||
  byte === 46 ||
  byte === 43
const scalar = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/

/** Of a key on the way, or of a scalar outside the records, no more is kept. */
export const textBytesMax = 16 * 1024

/** A longer one is not looked at. */
export function isScalar(bytes: readonly number[] | undefined): boolean {
  if (bytes === undefined || bytes.length > textBytesMax) return true
  return scalar.test(Buffer.from(bytes).toString('latin1'))
}

/** The key between its quotes; `undefined` where an escape is wrong. One that is too long is none we look for. */
export function keyText(bytes: readonly number[]): string | undefined {
  const raw = Buffer.from(bytes).toString()
  if (bytes.length > textBytesMax) return raw
  try {
    return JSON.parse(`"${raw}"`) as string
  } catch {
    return undefined
  }
}

export function byteWords(byte: number): string {
  return byte > space && byte < 127 ? String.fromCharCode(byte) : `the byte 0x${byte.toString(16)}`
}

export const brokenRemedy =
  'Correct the file, for example with what `jq . file` says of it, and drop it again.'

/** The document as a whole cannot be taken. */
export function refused(refusal: string, words: string, remedy: string): MillraceError {
  return new MillraceError('BAD_INPUT', words, { refusal, remedy })
}
