/** Reads a partition of a text object, record by record, as the real reader does; small objects only. */
import type { Assignment, RunDocument } from '../shared/documents.ts'
import type { ByteRange, Objects } from '../shared/ports.ts'
import type { Leave } from '../worker/notice/leave.ts'
import { piecesFrom } from '../worker/read/pieces.ts'

const newline = 0x0a
/** The first look beyond a partition's end for the newline that ends its last record; doubled until found. */
const lookAheadBytes = 256

export interface LinesRead {
  range?: ByteRange
  bytes: Buffer
  records: number
  /** Of a list: where its objects begin. */
  bases?: number[]
  /** Where it left off in mid-read. */
  left?: number
}

/** The partition owns the lines that begin in [start, end). */
export async function readLines(
  objects: Objects,
  run: RunDocument,
  assignment: Assignment,
  leave?: Leave,
): Promise<LinesRead> {
  const { dataStart, dataEnd } = run
  const from = Math.max(dataStart, assignment.start - 1)
  for (let ahead = lookAheadBytes; ; ahead *= 2) {
    const until = Math.min(dataEnd, assignment.end + ahead)
    const startIn = (read: Buffer): number | undefined =>
      knownStart(assignment) ?? firstStart(read, from, assignment.start, dataStart)
    const leaves = (read: readonly Buffer[]): boolean =>
      leave?.why !== undefined && hasRecord(Buffer.concat(read), startIn, from)
    const bytes = await readRange(objects, run, { start: from, end: until }, leaves)
    const start = startIn(bytes)
    const end = endOfLast(bytes, from, assignment.end)
    if (end === undefined && bytes.length < until - from) return leftIn(bytes, from, start ?? from)
    if (end === undefined && until < dataEnd) continue
    if (start === undefined || start >= assignment.end) return { bytes: Buffer.alloc(0), records: 0 }
    const range = { start, end: end ?? dataEnd }
    const owned = bytes.subarray(range.start - from, range.end - from)
    return { range, bytes: owned, records: countLines(owned) }
  }
}

/** Told, or where a scan from there would begin. */
export function knownStart({ start, exactStart, scanFrom }: Assignment): number | undefined {
  return exactStart ?? (scanFrom !== undefined && scanFrom >= start ? scanFrom : undefined)
}

function firstStart(bytes: Buffer, from: number, start: number, dataStart: number): number | undefined {
  if (start === dataStart) return start
  const before = bytes.indexOf(newline, start - 1 - from)
  return before === -1 ? undefined : from + before + 1
}

function hasRecord(read: Buffer, startIn: (read: Buffer) => number | undefined, from: number): boolean {
  const start = startIn(read)
  return start !== undefined && read.includes(newline, start - from)
}

/** Up to the last record that is whole. */
function leftIn(bytes: Buffer, from: number, start: number): LinesRead {
  const end = from + bytes.lastIndexOf(newline) + 1
  const owned = bytes.subarray(start - from, end - from)
  return { range: { start, end }, bytes: owned, records: countLines(owned), left: end }
}

function endOfLast(bytes: Buffer, from: number, end: number): number | undefined {
  const last = bytes.indexOf(newline, end - 1 - from)
  return last === -1 ? undefined : from + last + 1
}

export function countLines(bytes: Buffer): number {
  let lines = 0
  for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, at + 1)) lines += 1
  return bytes.length > 0 && bytes.at(-1) !== newline ? lines + 1 : lines
}

/** Less than the range where `leaves` says so of what has come. */
async function readRange(
  objects: Objects,
  run: RunDocument,
  range: ByteRange,
  leaves: (read: readonly Buffer[]) => boolean,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  if (run.pieces) {
    for await (const chunk of piecesFrom(objects, run, range.start, range.end)) chunks.push(chunk)
    return Buffer.concat(chunks).subarray(0, range.end - range.start)
  }
  const { bucket, key, etag, version } = run.source
  const options = { range, etag, ...(version === undefined ? {} : { version }) }
  for await (const chunk of await objects.read({ bucket, key }, options)) {
    chunks.push(chunk as Buffer)
    if (leaves(chunks)) break
  }
  return Buffer.concat(chunks)
}
