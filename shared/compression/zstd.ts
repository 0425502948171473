/** The frames of Zstandard (RFC 8878): where they and their blocks end can be read without decompressing. Pure. */

import type { Refusal } from '../plan/refusal.ts'
import { streamRefusal } from './refusals.ts'

export const zstdMagic = 0xfd2fb528
/** The low four bits are free: a skippable frame holds what is no content. */
const skippableMagic = 0x184d2a50
export const zstdHeaderBytesMax = 18
export const zstdChecksumBytes = 4
export const zstdBlockHeaderBytes = 3
export const zstdBlockBytesMax = 128 * 1024
/** What decoders must support is 8 MiB; 128 MiB is what they allow unless told otherwise. */
export const zstdWindowBytesMax = 128 * 1024 ** 2

export type ZstdHeader =
  | { kind: 'skippable' /** Header and content. */; frameBytes: number }
  | { kind: 'frame'; bytes: number; checksum: boolean; windowBytes: number; dictionary: boolean }

/** `bytes`: from a frame's first byte on. `more`: the header goes on behind them. */
export function zstdHeader(bytes: Buffer): ZstdHeader | 'more' | 'broken' {
  if (bytes.length < 4) return beginsFrame(bytes) ? 'more' : 'broken'
  const magic = bytes.readUInt32LE(0)
  if ((magic & 0xfffffff0) >>> 0 === skippableMagic) {
    return bytes.length < 8 ? 'more' : { kind: 'skippable', frameBytes: 8 + bytes.readUInt32LE(4) }
  }
  if (magic !== zstdMagic) return 'broken'
  return bytes.length < 5 ? 'more' : frameHeader(bytes, bytes.readUInt8(4))
}

/** Could these few bytes go on as a frame does? */
function beginsFrame(bytes: Buffer): boolean {
  const rest = bytes.subarray(1)
  const asFrame = [0xb5, 0x2f, 0xfd]
  const asSkippable = [0x2a, 0x4d, 0x18]
  const first = bytes[0] ?? 0
  if (first >> 4 === 5) return rest.every((byte, at) => byte === asSkippable[at])
  return first === 0x28 && rest.every((byte, at) => byte === asFrame[at])
}

function frameHeader(bytes: Buffer, descriptor: number): ZstdHeader | 'more' | 'broken' {
  if ((descriptor & 8) !== 0) return 'broken'
  const single = (descriptor & 32) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  const windowAt = 5
  const dictionaryAt = windowAt + (single ? 0 : 1)
  const sizeAt = dictionaryAt + dictionaryBytes
  const end = sizeAt + sizeBytes
  if (end > bytes.length) return 'more'
  const dictionary = bytes.subarray(dictionaryAt, sizeAt).some(byte => byte !== 0)
  const windowBytes = single ? contentBytes(bytes, sizeAt, sizeBytes) : windowOf(bytes.readUInt8(windowAt))
  return { kind: 'frame', bytes: end, checksum: (descriptor & 4) !== 0, windowBytes, dictionary }
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

function contentBytes(bytes: Buffer, at: number, size: number): number {
  if (size === 8) return Number(bytes.readBigUInt64LE(at))
  return bytes.readUIntLE(at, size) + (size === 2 ? 256 : 0)
}

/** Of the block whose header stands at `at`. */
export function zstdBlock(bytes: Buffer, at: number): { last: boolean; bodyBytes: number } | 'broken' {
  const header = bytes.readUIntLE(at, zstdBlockHeaderBytes)
  const type = (header >> 1) & 3
  if (type === 3 || header >> 3 > zstdBlockBytesMax) return 'broken'
  return { last: (header & 1) === 1, bodyBytes: type === 1 ? 1 : header >> 3 }
}

/** Why a sound frame that begins at byte `at` is not taken. */
export function refusalOf(header: ZstdHeader, at: number): Refusal | undefined {
  if (header.kind === 'skippable') return undefined
  const { dictionary, windowBytes } = header
  if (dictionary)
    return streamRefusal('ZSTD_DICTIONARY_MISSING', `The zstd frame at byte ${at} needs a dictionary`)
  if (windowBytes <= zstdWindowBytesMax) return undefined
  return streamRefusal(
    'ZSTD_WINDOW_TOO_LARGE',
    `The zstd frame at byte ${at} needs a window of ${windowBytes} bytes; at most ${zstdWindowBytesMax} are allowed`,
  )
}
