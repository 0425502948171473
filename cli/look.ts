/** Files of this machine as planning looks at objects. */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { MillraceError } from '../shared/errors.ts'
import { headBytesMax, type Look } from '../shared/plan.ts'
import type { ByteRange } from '../shared/ports.ts'

/** Errors: NOT_FOUND. */
export function lookAtFile(file: string, key: string): Look {
  const source = { bucket: 'drops', key, bytes: sizeOf(file), etag: '' }
  const read = (range: ByteRange): Buffer => readFileRange(file, range)
  const head = read({ start: 0, end: Math.min(source.bytes, headBytesMax) })
  return { source, head, read: async range => read(range) }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

function readFileRange(file: string, { start, end }: ByteRange): Buffer {
  try {
    const opened = openSync(file, 'r')
    try {
      const bytes = Buffer.alloc(Math.max(0, end - start))
      return bytes.subarray(0, readSync(opened, bytes, 0, bytes.length, start))
    } finally {
      closeSync(opened)
    }
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

function unreadable(file: string, cause: unknown): MillraceError {
  return new MillraceError('NOT_FOUND', `Cannot read ${file}`, {
    cause,
    remedy: 'Give the path of a file that exists.',
  })
}
