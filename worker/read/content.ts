/** All of a source's bytes in order, as its records hold them. */
import { MillraceError } from '../../shared/errors.ts'
import { arrayLines } from './array.ts'
import { bytesFrom } from './bytes.ts'
import { decompressed } from './compressed/streams.ts'
import type { StretchSource } from './stretch.ts'

/**
 * Decompressed; of a JSON document, its records as lines.
 * Errors: STOPPED, BAD_INPUT with a refusal where the source cannot be taken, and those of reading.
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
