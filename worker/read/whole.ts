/** An object that one partition takes whole, since nobody can begin in the middle of it. */
import { MillraceError } from '../../shared/errors.ts'
import { arrayLines } from './array.ts'
import { bytesFrom } from './bytes.ts'
import { decompressed } from './compressed/streams.ts'
import type { Stretch, StretchSource } from './stretch.ts'

/** Offsets are decompressed bytes. Read to its end, where a stream proves itself. */
export function wholeStretch(source: StretchSource): Stretch {
  const { bytes } = source.run.source
  const { skipBytes } = source.run.layout
  return {
    from: skipBytes,
    first: skipBytes,
    start: skipBytes,
    end: () => Number.POSITIVE_INFINITY,
    chunks: () => behind(contentOf(source), skipBytes),
    position: within => ({ at: 0, within }),
    covers: { start: 0, end: bytes },
    guessed: false,
  }
}

/**
 * The source decompressed; of a JSON document, its records as lines.
 * Errors: STOPPED, BAD_INPUT with a refusal where it cannot be taken, and those of reading.
 */
export async function* contentOf({
  objects,
  run,
  signal,
}: Pick<StretchSource, 'objects' | 'run' | 'signal'>): AsyncGenerator<Buffer> {
  const { source, layout, pipeline } = run
  const bytes = bytesFrom(objects, source, 0, source.bytes)
  const content = decompressed(bytes, layout.compression, pipeline.source.decompressed)
  for await (const chunk of arrayLines(content, pipeline)) {
    if (signal?.aborted) throw new MillraceError('STOPPED', 'Asked to stop while reading')
    yield chunk
  }
}

async function* behind(chunks: AsyncIterable<Buffer>, skipBytes: number): AsyncGenerator<Buffer> {
  let skip = skipBytes
  for await (const chunk of chunks) {
    if (skip < chunk.length) yield chunk.subarray(skip)
    skip = Math.max(0, skip - chunk.length)
  }
}
