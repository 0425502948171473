/** Finds single records of a partition again. */
import type { Position } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import { type Mark, recordsPerMark } from './spool.ts'
import { stretchesOf } from './stretch.ts'
import { readUnits } from './units.ts'
import { isNoRecord, lineOf, linesOf, type PartitionSource, rawOf, requestOf } from './walk.ts'

type OnFound = (ordinal: number, position: Position, raw: Buffer, line: number) => void

/**
 * `onFound` is called for each of `ordinals` (ascending, from 0, of the spooled records) with its record. Bytes that
 * are as they are in the source are read from the mark before each; others all again from the start.
 */
export async function findRecords(
  source: PartitionSource,
  marks: readonly Mark[],
  ordinals: readonly number[],
  onFound: OnFound,
): Promise<void> {
  // What was read is to be found again, whoever wishes that nothing more be read.
  const from = { ...source, leave: undefined }
  if (from.run.layout.space !== 'bytes' && from.run.pieces === undefined) {
    const found = await findFrom(from, { ordinal: 0, lines: 0 }, Number.POSITIVE_INFINITY, ordinals, onFound)
    if (found < ordinals.length) throw notFound(ordinals[found])
    return
  }
  for (let next = 0; next < ordinals.length; ) {
    const mark = Math.floor((ordinals[next] ?? 0) / recordsPerMark)
    const behind = (mark + 1) * recordsPerMark
    const wanted = ordinals.slice(next).filter(ordinal => ordinal < behind)
    const { offset, lines } = marks[mark] ?? { offset: from.assignment.start, lines: 0 }
    const marked = { ...from, assignment: { ...from.assignment, exactStart: offset } }
    const first = { ordinal: mark * recordsPerMark, lines }
    const found = await findFrom(marked, first, behind, wanted, onFound)
    if (found < wanted.length) throw notFound(wanted[found])
    next += found
  }
}

/** Counts sound records and lines on from `first`. Answers how many of `wanted` it found. */
async function findFrom(
  from: PartitionSource,
  first: { ordinal: number; lines: number },
  behind: number,
  wanted: readonly number[],
  onFound: OnFound,
): Promise<number> {
  let { ordinal, lines } = first
  let next = 0
  for await (const stretch of stretchesOf(from)) {
    const format = stretch.format ?? from.format
    await readUnits(requestOf(from, stretch), unit => {
      const before = lines
      lines += linesOf(unit, format)
      if (isNoRecord(unit, format) || format.fault(unit) !== undefined) return true
      if (ordinal === wanted[next]) {
        onFound(ordinal, stretch.position(unit.offset), rawOf(unit), lineOf(stretch, before))
        next++
      }
      ordinal++
      return ordinal < behind && next < wanted.length
    })
    if (next === wanted.length) break
    lines = 0
  }
  return next
}

function notFound(ordinal: number | undefined): MillraceError {
  return new MillraceError('COUNT_MISMATCH', `Record ${ordinal} is not found again in the source`)
}
