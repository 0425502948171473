/** Pages that carry a checksum are held against it: DuckDB looks at none, and a flipped bit is a value to it. */
import { closeSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { MillraceError } from '../../shared/errors.ts'
import { type ColumnChunk, chunkBytes, type RowGroup } from '../../shared/parquet/footer.ts'
import { ThriftFault, ThriftReader } from '../../shared/parquet/thrift.ts'

/** Most heads are short; one that holds the least and greatest value of its page may not be. */
const headBytesTried = [512, 64 * 1024]
const dataBytesMax = 1024 * 1024

interface Page {
  dataAt: number
  end: number
  checksum: number | undefined
}

/**
 * Answers how many pages were checked.
 * @param first number of the first of `groups` in the object
 * Errors: BAD_INPUT (refusal PARQUET_CORRUPT).
 */
export function checkPages(
  file: string,
  groups: readonly RowGroup[],
  first: number,
  leaves: readonly number[],
): number {
  const descriptor = openSync(file, 'r')
  try {
    let checked = 0
    for (const [at, group] of groups.entries()) {
      for (const leaf of leaves) {
        const chunk = group.chunks[leaf]
        if (chunk === undefined || chunkBytes(group, leaf) === 0) continue
        checked += checkChunk(descriptor, chunk, `column chunk ${leaf} of row group ${first + at}`)
      }
    }
    return checked
  } finally {
    closeSync(descriptor)
  }
}

/** What is no sound head is left to DuckDB: there are writers whose chunks are not what they say. */
function checkChunk(descriptor: number, { start, end }: ColumnChunk, place: string): number {
  let checked = 0
  for (let at = start; at < end; ) {
    const page = pageAt(descriptor, at, end)
    if (page?.checksum === undefined) return checked
    if (checksumOf(descriptor, page) !== page.checksum) throw corrupt(at, place)
    checked++
    at = page.end
  }
  return checked
}

function pageAt(descriptor: number, at: number, chunkEnd: number): Page | undefined {
  for (const headBytes of headBytesTried) {
    const page = pageIn(readAt(descriptor, at, Math.min(headBytes, chunkEnd - at)), at)
    if (page) return page.end > chunkEnd ? undefined : page
  }
  return undefined
}

function pageIn(head: Buffer, at: number): Page | undefined {
  const reader = new ThriftReader(head)
  let bytes = -1
  let checksum: number | undefined
  try {
    reader.struct(id => {
      if (id === 3) bytes = reader.integer()
      else if (id === 4) checksum = reader.integer() >>> 0
      return id === 3 || id === 4
    })
  } catch (error) {
    if (error instanceof ThriftFault) return undefined
    throw error
  }
  const dataAt = at + reader.at
  return bytes < 0 ? undefined : { dataAt, end: dataAt + bytes, checksum }
}

function checksumOf(descriptor: number, { dataAt, end }: Page): number {
  let checksum = 0
  for (let at = dataAt; at < end; at += dataBytesMax) {
    checksum = crc32(readAt(descriptor, at, Math.min(dataBytesMax, end - at)), checksum)
  }
  return checksum
}

function readAt(descriptor: number, at: number, count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count)
  return bytes.subarray(0, readSync(descriptor, bytes, 0, count, at))
}

function corrupt(at: number, place: string): MillraceError {
  const words = `The Parquet file is corrupt: the page at byte ${at}, in ${place}, is not what its checksum says`
  return new MillraceError('BAD_INPUT', words, {
    refusal: 'PARQUET_CORRUPT',
    remedy: 'Write or upload the file again.',
  })
}
