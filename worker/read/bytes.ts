/** The bytes of a source from one place on, for as long as they are wanted. */
import { MillraceError } from '../../shared/errors.ts'
import type { Objects } from '../../shared/ports.ts'
import type { SourceObject } from '../../shared/records.ts'

/** Read beyond the likely end, to finish the last record; doubled each time it does not suffice. */
const overrunBytes = 256 * 1024
const overrunBytesMax = 64 * 1024 * 1024

/** Without an etag: an object of our own, which nobody changes. */
export type Readable = Omit<SourceObject, 'etag'> & Partial<Pick<SourceObject, 'etag'>>

/**
 * Yields the object's bytes from `from` on, first up to `likelyEnd` and a little more, then on to its end.
 * Leaving the loop ends the request. Errors: SOURCE_CHANGED, THROTTLED, TEMPORARY_FAILURE (cut short).
 */
export async function* bytesFrom(
  objects: Objects,
  source: Readable,
  from: number,
  likelyEnd: number,
): AsyncGenerator<Buffer> {
  let start = from
  let overrun = overrunBytes
  let end = Math.min(source.bytes, likelyEnd + overrun)
  while (start < end) {
    yield* segment(objects, source, start, end)
    start = end
    overrun = Math.min(overrun * 2, overrunBytesMax)
    end = Math.min(source.bytes, start + overrun)
  }
}

/** These very bytes. Errors: as above. */
export async function* segment(
  objects: Objects,
  source: Readable,
  start: number,
  end: number,
): AsyncGenerator<Buffer> {
  const { etag, version } = source
  const identity = { ...(etag === undefined ? {} : { etag }), ...(version === undefined ? {} : { version }) }
  const stream = await objects.read(source, { range: { start, end }, ...identity })
  let received = 0
  try {
    for await (const chunk of stream) {
      received += chunk.length
      yield chunk
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error
    const where = `after ${received} of ${end - start} bytes`
    throw new MillraceError('TEMPORARY_FAILURE', `Reading ${source.key} broke off ${where}`, { cause: error })
  } finally {
    stream.destroy()
  }
  if (received === end - start) return
  throw new MillraceError(
    'TEMPORARY_FAILURE',
    `Reading ${source.key} gave ${received} of the ${end - start} bytes from ${start} on`,
  )
}

/** All of a small stream. */
export async function collected(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}
