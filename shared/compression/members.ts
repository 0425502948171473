/** Members of gzip and frames of zstd in bytes at hand: where they begin, and what they begin with. Pure. */
import { constants, crc32, inflateRawSync, zstdDecompressSync } from 'node:zlib'
import type { Compression } from '../layout.ts'
import type { Refusal } from '../plan/refusal.ts'
import { gzipHeader, gzipMagic, gzipTrailerBytes } from './gzip.ts'
import { refusalOf, zstdBlock, zstdBlockHeaderBytes, zstdChecksumBytes, zstdHeader } from './zstd.ts'

/** The beginning of a member, as far as the bytes at hand go. */
export interface Beginning {
  content: Buffer
  /** Behind the member: absent where it goes on behind the bytes at hand, or has more content than was wanted. */
  end?: number
  /** It is a block of BGZF. */
  bgzf?: boolean
}

/** Of a member decoded at once. */
const contentBytesMax = 64 * 1024 ** 2
/** Deflate makes at most 1032 times as much of it. */
const inputBytesMin = 16 * 1024
/** What a trial decode looks at: a whole zstd block and a bit. */
export const trialBytes = 160 * 1024
const zstdMagicBytes = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])

/**
 * @param bytes of the source
 * @param at where the member begins in them
 * @param wanted as many bytes of content, or somewhat more, are enough
 */
export function beginningOf(
  bytes: Buffer,
  at: number,
  compression: Compression,
  wanted: number,
): Beginning | Refusal | 'broken' {
  return compression === 'gzip' ? gzipBeginning(bytes, at, wanted) : zstdBeginning(bytes, at)
}

function gzipBeginning(bytes: Buffer, at: number, wanted: number): Beginning | 'broken' {
  const header = gzipHeader(bytes.subarray(at))
  if (header === 'more') return { content: Buffer.alloc(0) }
  if (header === 'broken') return 'broken'
  const bgzf = header.blockBytes === undefined ? {} : { bgzf: true }
  const from = at + header.bytes
  let content: Buffer = Buffer.alloc(0)
  for (let size = inputBytesMin; ; size *= 4) {
    const input = bytes.subarray(from, from + size)
    const inflated = inflatedFrom(input)
    if (inflated === 'large') return { content, ...bgzf }
    if (inflated === 'broken') return 'broken'
    content = inflated.content
    const { used } = inflated
    if (used < input.length) {
      const end = trailerEnd(bytes, from + used, content)
      if (end === 'broken') return 'broken'
      return { content, ...(end === undefined ? {} : { end }), ...bgzf }
    }
    if (content.length >= wanted || from + size >= bytes.length) return { content, ...bgzf }
  }
}

function inflatedFrom(input: Buffer): { content: Buffer; used: number } | 'broken' | 'large' {
  try {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, info: true, maxOutputLength: contentBytesMax }
    // With `info` it answers more than its type says.
    const answer = inflateRawSync(input, options) as unknown as {
      buffer: Buffer
      engine: { bytesWritten: number }
    }
    return { content: answer.buffer, used: answer.engine.bytesWritten }
  } catch (error) {
    const large = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    return large ? 'large' : 'broken'
  }
}

function trailerEnd(bytes: Buffer, at: number, content: Buffer): number | 'broken' | undefined {
  if (at + gzipTrailerBytes > bytes.length) return undefined
  const sound = bytes.readUInt32LE(at) === crc32(content) && bytes.readUInt32LE(at + 4) === content.length
  return sound ? at + gzipTrailerBytes : 'broken'
}

function zstdBeginning(bytes: Buffer, at: number): Beginning | Refusal | 'broken' {
  const header = zstdHeader(bytes.subarray(at))
  if (header === 'broken') return 'broken'
  if (header === 'more') return { content: Buffer.alloc(0) }
  const refusal = refusalOf(header, at)
  if (refusal) return refusal
  if (header.kind === 'skippable') {
    const end = at + header.frameBytes
    return { content: Buffer.alloc(0), ...(end > bytes.length ? {} : { end }) }
  }
  const blocks = zstdBlocks(bytes, at + header.bytes, blocksMax)
  if (blocks === 'broken') return 'broken'
  const end = blocks.last ? blocks.end + (header.checksum ? zstdChecksumBytes : 0) : undefined
  const ended = end !== undefined && end <= bytes.length
  const content = unzstd(bytes.subarray(at, ended ? end : blocks.end))
  return content === undefined ? 'broken' : { content, ...(ended ? { end } : {}) }
}

/** Is the first member of these bytes all there, and is it a block of BGZF? */
export function isWholeMember(bytes: Buffer, compression: Compression): 'bgzf' | 'yes' | 'no' {
  if (compression === 'gzip') {
    const first = gzipBeginning(bytes, 0, contentBytesMax)
    if (first === 'broken' || first.end === undefined) return 'no'
    return first.bgzf === true ? 'bgzf' : 'yes'
  }
  for (let at = 0, frames = 0; frames < skippedMax; frames++) {
    const header = zstdHeader(bytes.subarray(at))
    if (typeof header === 'string') return 'no'
    if (header.kind === 'frame') {
      const blocks = zstdBlocks(bytes, at + header.bytes, Number.POSITIVE_INFINITY)
      return blocks !== 'broken' && blocks.last ? 'yes' : 'no'
    }
    at += header.frameBytes
  }
  return 'no'
}

/** Of at most 128 KiB each. */
const blocksMax = 64
/** Skippable frames before the first one with content. */
const skippedMax = 16

/** As many blocks as are there whole, up to `most`. */
function zstdBlocks(bytes: Buffer, from: number, most: number): { end: number; last: boolean } | 'broken' {
  let end = from
  for (let count = 0; count < most && end + zstdBlockHeaderBytes <= bytes.length; count++) {
    const block = zstdBlock(bytes, end)
    if (block === 'broken') return 'broken'
    const next = end + zstdBlockHeaderBytes + block.bodyBytes
    if (next > bytes.length) break
    end = next
    if (block.last) return { end, last: true }
  }
  return { end, last: false }
}

function unzstd(frame: Buffer): Buffer | undefined {
  try {
    return zstdDecompressSync(frame, { finishFlush: constants.ZSTD_e_continue })
  } catch {
    return undefined
  }
}

/**
 * The first place in [from, to) of `bytes` where a member with content seems to begin: data may look like one.
 * Skippable frames are none.
 */
export function findMember(
  bytes: Buffer,
  compression: Compression,
  from: number,
  to: number,
): number | undefined {
  const magic = compression === 'gzip' ? gzipMagic : zstdMagicBytes
  for (let at = bytes.indexOf(magic, from); at !== -1 && at < to; at = bytes.indexOf(magic, at + 1)) {
    if (seemsMember(bytes.subarray(at, at + trialBytes), compression)) return at
  }
  return undefined
}

function seemsMember(bytes: Buffer, compression: Compression): boolean {
  const beginning = beginningOf(bytes, 0, compression, 1)
  if (beginning === 'broken' || 'code' in beginning) return false
  return beginning.end !== undefined || beginning.content.length > 0
}
