/** The bytes of some columns of some row groups, on disk at the offsets they have in the object. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { MillraceError } from '../../shared/errors.ts'
import { chunkBytes, footerOfGroups, parquetMagic } from '../../shared/parquet/footer.ts'
import type { ParquetFile } from '../../shared/parquet/read.ts'
import type { ByteRange, Objects } from '../../shared/ports.ts'
import type { SourceObject } from '../../shared/records.ts'
import type { Leave } from '../notice/leave.ts'
import { segment } from '../read/bytes.ts'

/** A request costs about as much time as reading so many bytes. */
const gapBytesMax = 256 * 1024

/** Row groups [start, end) of an object. */
export interface GroupsSource {
  objects: Objects
  source: SourceObject
  range: ByteRange
  signal?: AbortSignal | undefined
  /** Absent: all of them are wanted. */
  leave?: Leave | undefined
}

export interface Fetched {
  /** Number of the row group behind the last that was fetched. */
  behind: number
  bytesRead: number
  requests: number
}

/**
 * Writes a sparse Parquet file: what is not needed are holes, and the footer names the row groups at hand alone.
 * Errors: STOPPED (also where it is to end before the first row group is there), and those of reading.
 */
export async function fetchGroups(
  from: GroupsSource,
  { footer, footerAt }: ParquetFile,
  leaves: readonly number[],
  file: string,
): Promise<Fetched> {
  const descriptor = openSync(file, 'wx')
  const { start: first, end } = from.range
  const groups = footer.groups.slice(first, end)
  try {
    const fetched = { bytesRead: 0, requests: 0 }
    let behind = end
    for (const range of neededRanges(groups, leaves)) {
      const to = await fetchRange(from, range, descriptor, at => wholeUpTo(groups, leaves, at) > 0)
      fetched.bytesRead += to - range.start
      fetched.requests++
      behind = first + wholeUpTo(groups, leaves, to)
      if (to < range.end || (from.leave?.why !== undefined && behind > first)) break
    }
    writeAll(descriptor, Buffer.from(parquetMagic), 0)
    ftruncateSync(descriptor, footerAt)
    writeAll(descriptor, ending(footerOfGroups(footer, first, behind)), footerAt)
    return { ...fetched, behind }
  } finally {
    closeSync(descriptor)
  }
}

/** Answers where it left off: at the end of the range, or before it where it may leave and is wished to. */
async function fetchRange(
  { objects, source, signal, leave }: GroupsSource,
  range: ByteRange,
  descriptor: number,
  mayLeave: (at: number) => boolean,
): Promise<number> {
  let at = range.start
  for await (const chunk of segment(objects, source, range.start, range.end)) {
    if (signal?.aborted) throw new MillraceError('STOPPED', 'Asked to stop while reading')
    writeAll(descriptor, chunk, at)
    at += chunk.length
    if (leave?.why === undefined) continue
    if (mayLeave(at)) break
    if (leave.ending.aborted) throw new MillraceError('STOPPED', 'Asked to stop before the first row group')
  }
  return at
}

/** How many of the row groups, from the first on, need nothing at or behind `at`: all before it was fetched. */
function wholeUpTo(groups: ParquetFile['footer']['groups'], leaves: readonly number[], at: number): number {
  const unfinished = groups.findIndex(group =>
    leaves.some(leaf => chunkBytes(group, leaf) > 0 && (group.chunks[leaf]?.end ?? 0) > at),
  )
  return unfinished === -1 ? groups.length : unfinished
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
