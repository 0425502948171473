/** Which encoding the head of a text is in: what the bytes prove, and a refusal where they could be read two ways. Pure. */
import { isUtf8 } from 'node:buffer'
import type { Encoding } from '../layout.ts'
import type { Refusal } from './refusal.ts'
import type { TextHead } from './text.ts'

export interface SniffedEncoding {
  encoding: Encoding
  /** Of the byte order mark; 0 without one. */
  markBytes: number
}

const marks: readonly (readonly [hex: string, encoding: Encoding])[] = [
  ['efbbbf', 'utf-8'],
  ['fffe', 'utf-16le'],
  ['feff', 'utf-16be'],
]
const utf32Marks = ['fffe0000', '0000feff']

/** Of the code units of UTF-16 so many are ASCII: one of their bytes is zero. Where all bytes would do as UTF-8 too: */
const zeroShareMin = { otherwiseUtf8: 0.7, otherwiseNot: 0.1 }
/** Bytes that are no character of windows-1252, and those that are hardly ever used. */
const noCharacters = new Set([0x81, 0x8d, 0x8f, 0x90, 0x9d])
const oddCharacters = new Set([...noCharacters, 0x82, 0x83, 0x86, 0x87, 0x88, 0x89, 0x98])
/** What holds more of them than this is in an encoding that we do not know. */
const oddShareMax = 0.1
/** Western text has its accents one by one; others are written in runs of such bytes. */
const runBytesMin = 3

/**
 * @param told what the pipeline says
 * A head that is ASCII throughout is UTF-8: records further on that are not are rejected by the worker, never guessed.
 */
export function encodingOf(head: TextHead, told?: Encoding): SniffedEncoding | Refusal {
  const start = head.bytes.subarray(0, 4).toString('hex')
  if (utf32Marks.includes(start)) return utf32Refused()
  const [mark, marked] = marks.find(([hex]) => start.startsWith(hex)) ?? ['', undefined]
  const markBytes = mark.length / 2
  if (told !== undefined && marked !== undefined && told !== marked)
    return encodingDiffers(told, marked, mark)
  const known = told ?? marked
  if (known !== undefined) return { encoding: known, markBytes }
  const unmarked = utf16Of(head) ?? byteEncodingOf(head)
  return typeof unmarked === 'string' ? { encoding: unmarked, markBytes } : unmarked
}

/** Zeros in every other byte, and hardly any between them. */
function utf16Of({ bytes, whole }: TextHead): Encoding | undefined {
  const zeros = [0, 0]
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === 0) zeros[at & 1] = (zeros[at & 1] ?? 0) + 1
  }
  const [even = 0, odd = 0] = zeros
  const [many, few] = even > odd ? [even, odd] : [odd, even]
  if (many === 0 || few > many / 10) return undefined
  const { otherwiseUtf8, otherwiseNot } = zeroShareMin
  const shareMin = utf8Counts(bytes, whole).broken === 0 ? otherwiseUtf8 : otherwiseNot
  if (many < (bytes.length / 2) * shareMin) return undefined
  const encoding = even > odd ? 'utf-16be' : 'utf-16le'
  return !bytes.includes(0x0a) || hasNewline(bytes, encoding) ? encoding : undefined
}

function hasNewline(bytes: Buffer, encoding: 'utf-16be' | 'utf-16le'): boolean {
  const unit = Buffer.from(encoding === 'utf-16le' ? [0x0a, 0] : [0, 0x0a])
  let at = bytes.indexOf(unit)
  while (at % 2 === 1) at = bytes.indexOf(unit, at + 1)
  return at !== -1
}

interface HighBytes {
  count: number
  /** That stand in runs of `runBytesMin` and more. */
  inRuns: number
  odd: number
  /** No characters of windows-1252. */
  unassigned: number
  first: number
}

function byteEncodingOf({ bytes, whole }: TextHead): Encoding | Refusal {
  const { sound, broken } = utf8Counts(bytes, whole)
  if (broken === 0 || sound > broken) return 'utf-8'
  const high = highBytesOf(bytes)
  const unknown = high.inRuns * 2 > high.count || high.odd > high.count * oddShareMax
  if (sound > 0 || unknown) return encodingUnclear(bytes, high.first)
  return high.unassigned > 0 ? 'latin-1' : 'windows-1252'
}

/** Characters of more than one byte, and bytes that belong to none. */
function utf8Counts(bytes: Buffer, whole: boolean): { sound: number; broken: number } {
  if (isUtf8(bytes)) return { sound: 0, broken: 0 }
  let sound = 0
  let broken = 0
  for (let at = 0; at < bytes.length; ) {
    const length = utf8Length(bytes[at] ?? 0)
    const character = bytes.subarray(at, at + length)
    const isCut = !whole && character.length < length
    if (isUtf8(character)) sound += length > 1 ? 1 : 0
    else if (!isCut) broken++
    at += isUtf8(character) || isCut ? length : 1
  }
  return { sound, broken }
}

function utf8Length(first: number): number {
  if (first < 0xc0) return 1
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
}

function highBytesOf(bytes: Buffer): HighBytes {
  const found = { count: 0, inRuns: 0, odd: 0, unassigned: 0, first: bytes.findIndex(byte => byte >= 0x80) }
  let run = 0
  for (let at = 0; at <= bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (byte >= 0x80) {
      run++
      found.count++
      if (oddCharacters.has(byte)) found.odd++
      if (noCharacters.has(byte)) found.unassigned++
    } else {
      if (run >= runBytesMin) found.inRuns += run
      run = 0
    }
  }
  return found
}

function encodingUnclear(bytes: Buffer, at: number): Refusal {
  return {
    code: 'ENCODING_UNCLEAR',
    words: `byte 0x${bytes[at]?.toString(16)} at byte ${at} is the first of some that are neither sound UTF-8 nor Western text (windows-1252, latin-1)`,
    remedy:
      "Set source.encoding ('utf-8' rejects the broken records), or convert the file to UTF-8 (for example `iconv -f SHIFT_JIS -t UTF-8`).",
  }
}

function encodingDiffers(told: Encoding, marked: Encoding, mark: string): Refusal {
  return {
    code: 'ENCODING_DIFFERS',
    words: `byte 0 begins the byte order mark of ${marked} (${mark}), the pipeline says ${told}`,
    remedy: 'Correct source.encoding, or leave it out: the mark is believed.',
  }
}

function utf32Refused(): Refusal {
  return {
    code: 'ENCODING_NOT_SUPPORTED',
    words: 'byte 0 begins a UTF-32 byte order mark; UTF-8, UTF-16, latin-1 and windows-1252 are taken',
    remedy: 'Convert the file to UTF-8 (for example `iconv -f UTF-32 -t UTF-8`) and drop it again.',
  }
}
