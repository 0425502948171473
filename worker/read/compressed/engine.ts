/** One member or frame through one of node's decompressors, with the back-pressure of who reads. */
import type { Transform } from 'node:stream'
import type { InflateRaw, ZstdDecompress } from 'node:zlib'

export type Engine = (InflateRaw | ZstdDecompress) & Transform

/** What an engine hands out at a time; a chunk of input can make thousands of times as much. */
export const outputChunkBytes = 128 * 1024

/** Gives the engine one piece after the other, each when the one before is used up. */
export interface Feed {
  /** undefined: that was all. */
  next(): Promise<Buffer | undefined>
}

/**
 * Yields what the engine makes of what it is fed, until it has seen the end of its data.
 * Errors: the engine's own (`code` Z_BUF_ERROR where data is lacking), and those of the feed.
 */
export async function* through(engine: Engine, feed: Feed): AsyncGenerator<Buffer> {
  const feeding = feedAll(engine, feed)
  // Looked at below; where the reader leaves before, nobody else would.
  feeding.catch(() => {})
  for await (const bytes of engine) yield bytes
  await feeding
}

async function feedAll(engine: Engine, feed: Feed): Promise<void> {
  const state: { over: boolean; wake?: () => void } = { over: false }
  const onOver = (): void => {
    state.over = true
    state.wake?.()
  }
  engine.once('end', onOver).once('close', onOver)
  let fed = 0
  try {
    // Bytes that the engine leaves are behind the end of its data, though that may not have come out yet.
    while (!state.over && engine.bytesWritten === fed) {
      const bytes = await feed.next()
      if (state.over) return
      if (bytes === undefined) {
        engine.end()
        return
      }
      fed += bytes.length
      await new Promise<void>(resolve => {
        state.wake = resolve
        engine.write(bytes, () => resolve())
      })
    }
  } catch (error) {
    engine.destroy(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}
