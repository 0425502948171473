/** Reads a partition of many text objects as the real reader does: whole ones, or its lines of one that is cut. */
import { pagesOfList } from '../functions/steps/object-list.ts'
import type { Assignment, RunDocument } from '../shared/documents.ts'
import type { PlacedObject } from '../shared/plan/objects.ts'
import type { Objects } from '../shared/ports.ts'
import { countLines, knownStart, type LinesRead, readLines } from './stand-in-lines.ts'

export async function readObjects(
  objects: Objects,
  run: RunDocument,
  assignment: Assignment,
): Promise<LinesRead> {
  const { partition, end } = assignment
  const start = Math.max(assignment.start, knownStart(assignment) ?? 0)
  const reads: LinesRead[] = []
  const bases: number[] = []
  for (const object of (await Array.fromAsync(pagesOfList({ objects }, run))).flat()) {
    const { base, bytes } = object
    bases.push(base)
    if (bytes === 0 || base >= end || base + bytes <= start) continue
    const own = { ...run, source: refOf(run, object), dataStart: 0, dataEnd: bytes }
    const range = { start: Math.max(0, start - base), end: Math.min(bytes, end - base) }
    const read = await readLines(objects, own, { partition, ...range })
    if (read.range)
      reads.push({ ...read, range: { start: base + read.range.start, end: base + read.range.end } })
  }
  const [first, last] = [reads[0]?.range, reads.at(-1)?.range]
  return {
    ...(first && last ? { range: { start: first.start, end: last.end } } : {}),
    bases,
    bytes: Buffer.concat(reads.map(({ bytes }) => bytes)),
    records: reads.reduce((sum, { records }) => sum + records, 0),
  }
}

function refOf({ source }: RunDocument, { bucket, key, bytes, etag, version }: PlacedObject) {
  const identity = { etag, ...(version === undefined ? {} : { version }) }
  return { bucket: bucket ?? source.bucket, key, bytes, ...identity }
}

/** All of the list, one object behind the other, and the lines of each. */
export async function wholeList(
  objects: Objects,
  run: RunDocument,
): Promise<{ content: Buffer; lines: number } | undefined> {
  const parts: Buffer[] = []
  for (const object of (await Array.fromAsync(pagesOfList({ objects }, run))).flat()) {
    const { bucket, key, etag } = refOf(run, object)
    if ((await objects.head({ bucket, key }))?.etag !== etag) return undefined
    for await (const chunk of await objects.read({ bucket, key })) parts.push(chunk as Buffer)
  }
  const content = Buffer.concat(parts)
  return { content, lines: countLines(content) }
}
