/** Reads one partition into the spool, and finds single records of it again. */

import { CsvFault } from '../../shared/csv-fault.ts'
import type { Assignment, Position } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { SourceRange } from '../../shared/records.ts'
import type { RecordFormat } from './format.ts'
import type { Rejects } from './rejects.ts'
import { recordsPerMark, type Spool } from './spool.ts'
import { type Stretch, type StretchSource, stretchesOf } from './stretch.ts'
import { readUnits, type Unit } from './units.ts'

export const recordBytesMax = 256 * 1024 * 1024

export interface PartitionSource extends StretchSource {
  format: RecordFormat
}

export interface PartitionEnd {
  /** What was really read of the source; absent where no record begins in the partition. */
  range?: SourceRange
  bytesRead: number
  windowPeakBytes: number
}

/** Sound records go to the spool, broken ones to the rejects; blank lines to neither. */
export async function readPartition(
  from: PartitionSource,
  spool: Spool,
  rejects: Rejects,
): Promise<PartitionEnd> {
  const ends: PartitionEnd[] = []
  for await (const stretch of stretchesOf(from)) {
    const { lines, ...counts } = await readStretch(from, stretch, spool, rejects)
    const range = stretch.covers ?? (lines && rangeOf(stretch, lines.start, lines.end))
    ends.push({ ...(range ? { range } : {}), ...counts })
    if (rejects.tooMany) break
  }
  spool.flush()
  rejects.flush()
  return joined(ends)
}

function readStretch(from: PartitionSource, stretch: Stretch, spool: Spool, rejects: Rejects) {
  const { format } = from
  return readUnits(requestOf(from, stretch), unit => {
    if (isBlank(unit, format)) return true
    const fault = format.fault(unit)
    if (fault !== undefined) {
      const kept = rejects.add(stretch.position(unit.offset), fault, rawOf(unit))
      refuseRunawayQuote(unit)
      return kept
    }
    spool.begin(unit.offset)
    format.spool(unit, spool)
    spool.end()
    return true
  })
}

function rangeOf(stretch: Stretch, first: number, last: number): SourceRange {
  const start = stretch.position(first)
  const end = stretch.position(last)
  return {
    start: start.at,
    ...(start.within ? { startWithin: start.within } : {}),
    end: end.at,
    ...(end.within ? { endWithin: end.within } : {}),
  }
}

/** Stretches follow one another in the source. */
function joined(ends: readonly PartitionEnd[]): PartitionEnd {
  const ranges = ends.flatMap(({ range }) => range ?? [])
  const { end, endWithin } = ranges.at(-1) ?? {}
  const { start, startWithin } = ranges[0] ?? {}
  const bytesRead = ends.reduce((sum, each) => sum + each.bytesRead, 0)
  const windowPeakBytes = ends.reduce((most, each) => Math.max(most, each.windowPeakBytes), 0)
  if (start === undefined || end === undefined) return { bytesRead, windowPeakBytes }
  const within = { ...(startWithin ? { startWithin } : {}), ...(endWithin ? { endWithin } : {}) }
  return { range: { start, end, ...within }, bytesRead, windowPeakBytes }
}

type OnFound = (ordinal: number, position: Position, raw: Buffer) => void

/**
 * `onFound` is called for each of `ordinals` (ascending, from 0, of the spooled records) with its record. Bytes that
 * are as they are in the source are read from the mark before each; others all again from the start.
 */
export async function findRecords(
  from: PartitionSource,
  marks: readonly number[],
  ordinals: readonly number[],
  onFound: OnFound,
): Promise<void> {
  if (from.run.layout.space !== 'bytes') {
    const found = await findFrom(from, 0, Number.POSITIVE_INFINITY, ordinals, onFound)
    if (found < ordinals.length) throw notFound(ordinals[found])
    return
  }
  for (let next = 0; next < ordinals.length; ) {
    const mark = Math.floor((ordinals[next] ?? 0) / recordsPerMark)
    const behind = (mark + 1) * recordsPerMark
    const wanted = ordinals.slice(next).filter(ordinal => ordinal < behind)
    const assignment = { ...from.assignment, exactStart: marks[mark] ?? from.assignment.start }
    const found = await findFrom({ ...from, assignment }, mark * recordsPerMark, behind, wanted, onFound)
    if (found < wanted.length) throw notFound(wanted[found])
    next += found
  }
}

/** Counts sound records on from `ordinal`. Answers how many of `wanted` it found. */
async function findFrom(
  from: PartitionSource,
  first: number,
  behind: number,
  wanted: readonly number[],
  onFound: OnFound,
): Promise<number> {
  let ordinal = first
  let next = 0
  for await (const stretch of stretchesOf(from)) {
    await readUnits(requestOf(from, stretch), unit => {
      if (isBlank(unit, from.format) || from.format.fault(unit) !== undefined) return true
      if (ordinal === wanted[next]) {
        onFound(ordinal, stretch.position(unit.offset), rawOf(unit))
        next++
      }
      ordinal++
      return ordinal < behind && next < wanted.length
    })
    if (next === wanted.length) break
  }
  return next
}

function notFound(ordinal: number | undefined): MillraceError {
  return new MillraceError('COUNT_MISMATCH', `Record ${ordinal} is not found again in the source`)
}

/** Reading so far that the first record's start is known for sure would cost more than the partition's work. */
const proofBytesMax = 64 * 1024 ** 3

/** Does its reading begin with a guess that was not proven? */
export function isGuessed({ format, run, assignment }: PartitionSource): boolean {
  const known = assignment.exactStart ?? assignment.scanFrom
  return format.guesses && known === undefined && assignment.start > run.dataStart
}

/** The first line's begin by a scan from the data's start: slow, exact. The partition's end where there is none. */
export async function provenStart(
  from: PartitionSource,
): Promise<Pick<Assignment, 'exactStart' | 'exactWithin'>> {
  const { assignment, run } = from
  if (assignment.start - run.dataStart > proofBytesMax) {
    throw new MillraceError(
      'BAD_INPUT',
      `The partition is bad, or the guess of its start at byte ${assignment.start} is wrong`,
    )
  }
  for await (const stretch of stretchesOf({
    ...from,
    assignment: { ...assignment, scanFrom: run.dataStart },
  })) {
    const { lines } = await readUnits(requestOf(from, stretch), () => false)
    if (lines === undefined) break
    const { at, within } = stretch.position(lines.start)
    return { exactStart: at, ...(within ? { exactWithin: within } : {}) }
  }
  return { exactStart: assignment.end }
}

function requestOf({ format, run, signal }: PartitionSource, stretch: Stretch) {
  const scanner = (sample?: Buffer) => format.scanner(sample)
  const { encoding } = run.layout
  return { stretch, encoding, scanner, guesses: format.guesses, recordBytesMax, signal }
}

function isBlank(unit: Unit, format: RecordFormat): boolean {
  const blank = !format.blankIsRecord && unit.line.contentEnd === unit.begin
  return blank || (format.skips?.(unit) ?? false)
}

function rawOf({ window, begin, line }: Unit): Buffer {
  return window.bytes.subarray(begin, line.contentEnd)
}

/** Nobody knows how many records a quote that never closes has swallowed: that is no single reject. */
function refuseRunawayQuote(unit: Unit): void {
  if (unit.line.fault !== CsvFault.unterminatedQuote || !rawOf(unit).includes(10)) return
  throw new MillraceError(
    'BAD_INPUT',
    `A quote in the record at byte ${unit.offset} never closes: all lines behind it would be lost in it`,
    { remedy: 'Close or remove the quote, and drop the file again.' },
  )
}
