/** How an object's file is read: nothing of an edit in place gets through. */
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { ByteRange } from '../../shared/ports.ts'
import { type Stamp, sameStamp, stampOf } from './files.ts'

const chunkBytes = 256 * 1024

/**
 * Streams a range of an open file and closes it. Before a chunk is handed out the file must still bear the
 * stamp, so that no byte of an edit in place is ever taken for the object's; else the stream ends in `changed()`.
 */
export function streamOf(handle: FileHandle, range: ByteRange, stamp: Stamp, changed: () => Error): Readable {
  let at = range.start
  const next = async (): Promise<Buffer | null> => {
    const wanted = Math.min(chunkBytes, range.end - at)
    const chunk = Buffer.allocUnsafeSlow(wanted)
    const { bytesRead } = wanted === 0 ? { bytesRead: 0 } : await handle.read(chunk, 0, wanted, at)
    const intact = sameStamp(stamp, stampOf(await handle.stat({ bigint: true })))
    if (!intact || (bytesRead === 0 && wanted > 0)) throw changed()
    at += bytesRead
    return bytesRead === 0 ? null : chunk.subarray(0, bytesRead)
  }
  return new Readable({
    highWaterMark: chunkBytes,
    read() {
      next().then(
        chunk => this.push(chunk),
        error => this.destroy(error),
      )
    },
    destroy(error, done) {
      void closeThen(handle, error, done)
    },
  })
}

async function closeThen(handle: FileHandle, error: Error | null, done: (error: Error | null) => void) {
  try {
    await handle.close()
  } finally {
    done(error)
  }
}
