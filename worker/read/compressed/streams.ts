/** Compressed bytes in, decompressed bytes out: bounded memory, at the pace of who reads, proven to the last byte. */
import { MillraceError } from '../../../shared/errors.ts'
import type { Compression } from '../../../shared/layout.ts'
import { Input } from '../input.ts'
import { streamFault } from './faults.ts'
import { gzipMembers } from './gzip.ts'
import { zstdFrames } from './zstd.ts'

/** As `source.decompressed` of a pipeline. */
export interface DecompressionBounds {
  /** Decompressed bytes of one stream. */
  bytesMax: number
  /** Decompressed to compressed bytes; looked at only beyond `ratioFreeBytes`. */
  ratioMax: number
}
/** A short stream of one repeated byte is no bomb. */
export const ratioFreeBytes = 64 * 1024 ** 2

/** Decompressed bytes of the gzip member or zstd frame that begins at `at`; none where it ends or is skipped. */
export interface Piece {
  /** In the compressed source. */
  at: number
  bytes: Buffer
  /** Behind the member or frame: set by its last piece. */
  end?: number
}

/**
 * The content of a whole stream: all its gzip members or zstd frames. Leaving the loop ends the reading.
 * Errors: BAD_INPUT with a refusal (STREAM_TRUNCATED, STREAM_CORRUPT, TRAILING_BYTES, COMPRESSION_DIFFERS,
 * DECOMPRESSION_BOMB, ZSTD_WINDOW_TOO_LARGE, ZSTD_DICTIONARY_MISSING), and those of `chunks`.
 */
export async function* decompressed(
  chunks: AsyncIterable<Buffer>,
  compression: Compression,
  bounds: DecompressionBounds,
): AsyncGenerator<Buffer> {
  if (compression === 'none') yield* chunks
  else
    for await (const { bytes } of piecesOf(chunks, compression, 0, bounds)) if (bytes.length > 0) yield bytes
}

/**
 * As `decompressed`, and says where members and frames begin and end.
 * @param at where `chunks` begin in the source: the start of a member or frame
 */
export async function* piecesOf(
  chunks: AsyncIterable<Buffer>,
  compression: Compression,
  at: number,
  bounds: DecompressionBounds,
): AsyncGenerator<Piece> {
  const input = new Input(chunks, at)
  let bytes = 0
  try {
    for await (const piece of decoderOf(compression)(input)) {
      bytes += piece.bytes.length
      refuseBomb(bytes, input.at - at, bounds)
      yield piece
    }
  } finally {
    await input.close()
  }
}

function decoderOf(compression: Compression): (input: Input) => AsyncGenerator<Piece> {
  if (compression === 'gzip') return gzipMembers
  if (compression === 'zstd') return zstdFrames
  throw new MillraceError('INVARIANT_BROKEN', `A run was planned on ${compression}, which nobody can read`)
}

function refuseBomb(bytes: number, from: number, { bytesMax, ratioMax }: DecompressionBounds): void {
  if (bytes > bytesMax) {
    throw streamFault(
      'DECOMPRESSION_BOMB',
      `The first ${from} bytes decompress to more than the ${bytesMax} bytes of source.decompressed.bytesMax`,
    )
  }
  if (bytes <= ratioFreeBytes || bytes <= ratioMax * from) return
  throw streamFault(
    'DECOMPRESSION_BOMB',
    `The first ${from} bytes decompress to ${bytes}, over the ${ratioMax} to 1 of source.decompressed.ratioMax`,
  )
}
