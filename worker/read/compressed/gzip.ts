/** The members of a gzip stream, one behind the other, each proven by its checksum and length. */
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib'
import {
  type GzipHeader,
  gzipHeader,
  gzipHeaderBytesMax,
  gzipTrailerBytes,
} from '../../../shared/compression/gzip.ts'
import type { Input } from '../input.ts'
import { type Engine, outputChunkBytes, through } from './engine.ts'
import { streamFault, truncated } from './faults.ts'
import type { Piece } from './streams.ts'

const headerLikelyBytes = 4096
/** By the specification of SAM and BAM; larger ones go through the stream. */
const bgzfContentBytesMax = 64 * 1024

/** Errors: BAD_INPUT with a refusal, and those of reading. */
export async function* gzipMembers(input: Input): AsyncGenerator<Piece> {
  let endsOpen = false
  for (let members = 0; (await input.peek(1)).length > 0; members++) {
    if (members > 0 && (await isPadding(input))) break
    const at = input.at
    const header = await headerOf(input, members)
    const content = yield* memberOf(input, at, header)
    endsOpen = header.blockBytes !== undefined && content > 0
  }
  if (endsOpen) throw truncated('The BGZF file lacks its end-of-file block: it', input.at)
}

async function headerOf(input: Input, members: number): Promise<GzipHeader> {
  const { at } = input
  let bytes = await input.peek(headerLikelyBytes)
  let header = gzipHeader(bytes)
  if (header === 'more' && bytes.length === headerLikelyBytes) {
    bytes = await input.peek(gzipHeaderBytesMax)
    header = gzipHeader(bytes)
  }
  if (header === 'more' && bytes.length < gzipHeaderBytesMax) {
    throw truncated('The header of a gzip member', at + bytes.length)
  }
  if (typeof header === 'string') throw noMember(at, members)
  await input.take(header.bytes)
  return header
}

function noMember(at: number, members: number): Error {
  return members === 0
    ? streamFault('COMPRESSION_DIFFERS', `No gzip member begins at byte ${at}`)
    : trailing(at)
}

function trailing(at: number): Error {
  return streamFault('TRAILING_BYTES', `What follows the last gzip member at byte ${at} is no gzip`)
}

/** Answers how many bytes its content has. */
async function* memberOf(input: Input, at: number, header: GzipHeader): AsyncGenerator<Piece, number> {
  const block = await blockContent(input, header)
  if (block !== undefined) {
    if (block.length > 0) yield { at, bytes: block }
    yield { at, bytes: Buffer.alloc(0), end: input.at }
    return block.length
  }
  const sum = { crc: 0, bytes: 0 }
  for await (const bytes of inflated(input, at, sum)) {
    sum.crc = crc32(bytes, sum.crc)
    sum.bytes += bytes.length
    yield { at, bytes }
  }
  const trailer = await input.take(gzipTrailerBytes)
  if (trailer.length < gzipTrailerBytes) throw truncated('A gzip member', input.at)
  const right = trailer.readUInt32LE(0) === sum.crc && trailer.readUInt32LE(4) === sum.bytes % 2 ** 32
  if (!right) {
    const place = `The gzip member at byte ${at} ends at byte ${input.at}`
    throw streamFault('STREAM_CORRUPT', `${place}, and its content fails its checksum or length`)
  }
  yield { at, bytes: Buffer.alloc(0), end: input.at }
  return sum.bytes
}

/**
 * A BGZF block at once: a stream of its own for each costs more than to inflate it. `undefined`, and nothing taken,
 * where it is none or not sound: the stream then tells what is wrong, and where.
 */
async function blockContent(input: Input, { blockBytes, bytes }: GzipHeader): Promise<Buffer | undefined> {
  if (blockBytes === undefined) return undefined
  const deflatedBytes = blockBytes - bytes - gzipTrailerBytes
  const rest = await input.peek(blockBytes - bytes)
  if (deflatedBytes <= 0 || rest.length < blockBytes - bytes) return undefined
  const content = inflatedAtOnce(rest.subarray(0, deflatedBytes))
  const right =
    content !== undefined &&
    rest.readUInt32LE(deflatedBytes) === crc32(content) &&
    rest.readUInt32LE(deflatedBytes + 4) === content.length
  if (!right) return undefined
  await input.take(rest.length)
  return content
}

/** `undefined` where it is damaged, too large, or not all of it is used up. */
function inflatedAtOnce(deflated: Buffer): Buffer | undefined {
  try {
    const inflated = inflateRawSync(deflated, { maxOutputLength: bgzfContentBytesMax, info: true })
    const { buffer, engine } = inflated as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    return engine.bytesWritten === deflated.length ? buffer : undefined
  } catch {
    return undefined
  }
}

async function* inflated(input: Input, at: number, sum: { bytes: number }): AsyncGenerator<Buffer> {
  const engine: Engine = createInflateRaw({ chunkSize: outputChunkBytes })
  const from = input.at
  let last = Buffer.alloc(0) as Buffer
  const next = async () => {
    const bytes = await input.next()
    if (bytes) last = bytes
    return bytes
  }
  try {
    yield* through(engine, { next })
  } catch (error) {
    throw inflateFault(error, at, from + engine.bytesWritten, sum.bytes)
  }
  input.unread(last.subarray(last.length - (input.at - from - engine.bytesWritten)))
}

function inflateFault(error: unknown, at: number, stand: number, bytes: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'Z_BUF_ERROR') return truncated('A gzip member', stand, error)
  if (code !== 'Z_DATA_ERROR') return error
  const place = `The gzip member at byte ${at} is damaged near byte ${stand}`
  return streamFault('STREAM_CORRUPT', `${place}, byte ${bytes} of its content`, error)
}

/** gzip(1) ignores zeros up to the end of the file, which tapes and block devices leave. */
async function isPadding(input: Input): Promise<boolean> {
  if ((await input.peek(1))[0] !== 0) return false
  const { at } = input
  for (let bytes = await input.next(); bytes !== undefined; bytes = await input.next()) {
    if (bytes.some(byte => byte !== 0)) throw trailing(at)
  }
  return true
}
