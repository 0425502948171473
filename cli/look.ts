/** Files of this machine as planning looks at objects. */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import path from 'node:path'
import { MillraceError } from '../shared/errors.ts'
import { headBytesMax, type Look } from '../shared/plan.ts'
import type { ByteRange } from '../shared/ports.ts'

/** Errors: NOT_FOUND. */
export function lookAtFile(file: string, key: string, bucket = 'drops'): Look {
  const source = { bucket, key, bytes: sizeOf(file), etag: '' }
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

/** Why a path that a person gave is of no use. */
export function unreadable(file: string, cause?: unknown): MillraceError {
  const because = (words: string, remedy: string): MillraceError =>
    new MillraceError('NOT_FOUND', words, { cause, remedy })
  if (!existsSync(file)) return because(`No file ${file}`, 'Give the path of a file that exists.')
  if (statSync(file).isDirectory())
    return because(`${file} is a folder`, `Give the files in it: ${path.join(file, '*')}`)
  return because(`Cannot read ${file}`, 'Give the path of a file that may be read.')
}
