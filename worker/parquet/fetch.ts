/** The bytes of some columns of some row groups, on disk at the offsets they have in the object. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { MillraceError } from '../../shared/errors.ts'
import { chunkBytes, footerOfGroups, parquetMagic } from '../../shared/parquet/footer.ts'
import type { ParquetFile } from '../../shared/parquet/read.ts'
import type { ByteRange, Objects } from '../../shared/ports.ts'
import type { SourceObject } from '../../shared/records.ts'
import { segment } from '../read/bytes.ts'

/** A request costs about as much time as reading so many bytes. */
const gapBytesMax = 256 * 1024

/** Row groups [start, end) of an object. */
export interface GroupsSource {
  objects: Objects
  source: SourceObject
  range: ByteRange
  signal?: AbortSignal | undefined
}

export interface Fetched {
  bytesRead: number
  requests: number
}

/**
 * Writes a sparse Parquet file: what is not needed are holes, and the footer names the row groups at hand alone.
 * Errors: STOPPED and those of reading.
 */
export async function fetchGroups(
  { objects, source, range: { start: first, end: behind }, signal }: GroupsSource,
  { footer, footerAt }: ParquetFile,
  leaves: readonly number[],
  file: string,
): Promise<Fetched> {
  const descriptor = openSync(file, 'wx')
  try {
    const ranges = neededRanges(footer.groups.slice(first, behind), leaves)
    let bytesRead = 0
    for (const range of ranges) {
      let at = range.start
      for await (const chunk of segment(objects, source, range.start, range.end)) {
        if (signal?.aborted) throw new MillraceError('STOPPED', 'Asked to stop while reading')
        writeAll(descriptor, chunk, at)
        at += chunk.length
      }
      bytesRead += range.end - range.start
    }
    writeAll(descriptor, Buffer.from(parquetMagic), 0)
    ftruncateSync(descriptor, footerAt)
    writeAll(descriptor, ending(footerOfGroups(footer, first, behind)), footerAt)
    return { bytesRead, requests: ranges.length }
  } finally {
    closeSync(descriptor)
  }
}

/** In order, none overlapping another, near ones as one. */
function neededRanges(groups: ParquetFile['footer']['groups'], leaves: readonly number[]): ByteRange[] {
  const chunks = groups
    .flatMap(group => leaves.flatMap(leaf => (chunkBytes(group, leaf) > 0 ? (group.chunks[leaf] ?? []) : [])))
    .toSorted((a, b) => a.start - b.start)
  const ranges: ByteRange[] = []
  for (const { start, end } of chunks) {
    const last = ranges.at(-1)
    if (last && start - last.end <= gapBytesMax) last.end = Math.max(last.end, end)
    else ranges.push({ start, end })
  }
  return ranges
}

function ending(footer: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(footer.length)
  return Buffer.concat([footer, length, Buffer.from(parquetMagic)])
}

function writeAll(descriptor: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(descriptor, bytes, at, bytes.length - at, position + at)
  }
}
