/** The frames of a Zstandard stream, one behind the other: node's decompressor would stop behind the first. */
import { createZstdDecompress } from 'node:zlib'
import {
  refusalOf,
  type ZstdHeader,
  zstdBlock,
  zstdBlockHeaderBytes,
  zstdChecksumBytes,
  zstdHeader,
  zstdHeaderBytesMax,
} from '../../../shared/compression/zstd.ts'
import type { Input } from '../input.ts'
import { type Engine, outputChunkBytes, through } from './engine.ts'
import { refused, streamFault, truncated } from './faults.ts'
import type { Piece } from './streams.ts'

const skipBytes = 64 * 1024

/** Errors: BAD_INPUT with a refusal, and those of reading. */
export async function* zstdFrames(input: Input): AsyncGenerator<Piece> {
  for (let frames = 0; (await input.peek(1)).length > 0; frames++) {
    const { at } = input
    const header = await headerOf(input, frames)
    if (header.kind === 'skippable') await skip(input, header.frameBytes)
    else yield* contentOf(input, at, header)
    yield { at, bytes: Buffer.alloc(0), end: input.at }
  }
}

async function headerOf(input: Input, frames: number): Promise<ZstdHeader> {
  const { at } = input
  const bytes = await input.peek(zstdHeaderBytesMax)
  const header = zstdHeader(bytes)
  if (header === 'more') throw truncated('The header of a zstd frame', at + bytes.length)
  if (header !== 'broken') return header
  throw frames === 0
    ? streamFault('COMPRESSION_DIFFERS', `No zstd frame begins at byte ${at}`)
    : streamFault('TRAILING_BYTES', `What follows the last zstd frame at byte ${at} is no zstd frame`)
}

async function skip(input: Input, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; ) {
    const taken = await input.take(Math.min(left, skipBytes))
    if (taken.length === 0) throw truncated('A skippable zstd frame', input.at)
    left -= taken.length
  }
}

async function* contentOf(
  input: Input,
  at: number,
  header: Extract<ZstdHeader, { kind: 'frame' }>,
): AsyncGenerator<Piece> {
  const refusal = refusalOf(header, at)
  if (refusal) throw refused(refusal)
  const engine: Engine = createZstdDecompress({ chunkSize: outputChunkBytes })
  const slices = frameBytes(input, header)
  let content = 0
  try {
    for await (const bytes of through(engine, { next: async () => (await slices.next()).value })) {
      content += bytes.length
      yield { at, bytes }
    }
  } catch (error) {
    throw zstdFault(error, at, input.at, content)
  }
  // The engine may be done before the last slice, which holds nothing that it needs.
  while (!(await slices.next()).done);
}

/** The bytes of one frame, block by block. */
async function* frameBytes(
  input: Input,
  { bytes, checksum }: Extract<ZstdHeader, { kind: 'frame' }>,
): AsyncGenerator<Buffer, undefined> {
  yield await input.take(bytes)
  for (let last = false; !last; ) {
    const header = await input.peek(zstdBlockHeaderBytes)
    if (header.length < zstdBlockHeaderBytes) throw truncated('A zstd frame', input.at + header.length)
    const block = zstdBlock(header, 0)
    if (block === 'broken') {
      throw streamFault('STREAM_CORRUPT', `No zstd block can begin as byte ${input.at} does`)
    }
    last = block.last
    yield await exactly(input, zstdBlockHeaderBytes + block.bodyBytes)
  }
  if (checksum) yield await exactly(input, zstdChecksumBytes)
}

async function exactly(input: Input, bytes: number): Promise<Buffer> {
  const taken = await input.take(bytes)
  if (taken.length < bytes) throw truncated('A zstd frame', input.at)
  return taken
}

function zstdFault(error: unknown, at: number, stand: number, content: number): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (!code.startsWith('Z') || code === 'ZSTD_error_memory_allocation') return error
  const place = `The zstd frame at byte ${at} is damaged before byte ${stand}`
  return streamFault('STREAM_CORRUPT', `${place}, byte ${content} of its content`, error)
}
