/** An object that one partition takes whole, since nobody can begin in the middle of it. */
import { contentOf } from '../content.ts'
import type { Stretch, StretchSource } from '../stretch.ts'

/** It is read to its end whatever is wanted of it: damage there is damage. */
export function wholeStretch(source: StretchSource): Stretch {
  const { layout, source: object } = source.run
  const { skipBytes } = layout
  return {
    from: skipBytes,
    first: skipBytes,
    start: 0,
    end: () => Number.POSITIVE_INFINITY,
    chunks: () => behind(skipBytes, contentOf(source)),
    position: offset => ({ at: 0, within: offset }),
    covers: { start: 0, end: object.bytes },
    indivisible: true,
    guessed: false,
  }
}

/** All but the first `bytes` bytes. */
export async function* behind(bytes: number, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let left = bytes
  for await (const chunk of chunks) {
    const skipped = Math.min(left, chunk.length)
    left -= skipped
    if (skipped < chunk.length) yield chunk.subarray(skipped)
  }
}
