/** A file of this machine, read as a partition is. */
import { createReadStream } from 'node:fs'
import type { Stretch } from '../read/stretch.ts'

export function fileStretch(file: string, from = 0): Stretch {
  return {
    from,
    first: from,
    start: from,
    end: () => Number.POSITIVE_INFINITY,
    chunks: () => createReadStream(file, { start: from, highWaterMark: 1024 * 1024 }),
    position: at => ({ at }),
    guessed: false,
  }
}
