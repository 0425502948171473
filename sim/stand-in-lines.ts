/** Reads a partition of a text object, record by record, as the real reader does; small objects only. */
import type { Assignment, RunDocument } from '../shared/documents.ts'
import type { ByteRange, Objects } from '../shared/ports.ts'
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
}

/** The partition owns the lines that begin in [start, end). */
export async function readLines(
  objects: Objects,
  run: RunDocument,
  assignment: Assignment,
): Promise<LinesRead> {
  const { dataStart, dataEnd } = run
  const from = Math.max(dataStart, assignment.start - 1)
  for (let ahead = lookAheadBytes; ; ahead *= 2) {
    const until = Math.min(dataEnd, assignment.end + ahead)
    const bytes = await readRange(objects, run, { start: from, end: until })
    const start = assignment.exactStart ?? firstStart(bytes, from, assignment.start, dataStart)
    const end = endOfLast(bytes, from, assignment.end)
    if (end === undefined && until < dataEnd) continue
    if (start === undefined || start >= assignment.end) return { bytes: Buffer.alloc(0), records: 0 }
    const range = { start, end: end ?? dataEnd }
    const owned = bytes.subarray(range.start - from, range.end - from)
    return { range, bytes: owned, records: countLines(owned) }
  }
}

function firstStart(bytes: Buffer, from: number, start: number, dataStart: number): number | undefined {
  if (start === dataStart) return start
  const before = bytes.indexOf(newline, start - 1 - from)
  return before === -1 ? undefined : from + before + 1
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

async function readRange(objects: Objects, run: RunDocument, range: ByteRange): Promise<Buffer> {
  const chunks: Buffer[] = []
  if (run.pieces) {
    for await (const chunk of piecesFrom(objects, run, range.start, range.end)) chunks.push(chunk)
    return Buffer.concat(chunks).subarray(0, range.end - range.start)
  }
  const { bucket, key, etag, version } = run.source
  const options = { range, etag, ...(version === undefined ? {} : { version }) }
  for await (const chunk of await objects.read({ bucket, key }, options)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
