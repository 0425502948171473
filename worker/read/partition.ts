/** Reads one partition into the spool. */
import { CsvFault } from '../../shared/csv-fault.ts'
import type { Assignment } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { ByteRange } from '../../shared/ports.ts'
import type { Rest, SourceRange } from '../../shared/records.ts'
import { isBehind, leavesAt, leftBehind, restFrom } from './leaving.ts'
import { placeWriter } from './place.ts'
import type { Rejects } from './rejects.ts'
import type { Spool } from './spool.ts'
import { type Stretch, stretchesOf } from './stretch.ts'
import { readUnits, type Unit } from './units.ts'
import { isNoRecord, lineOf, linesOf, type PartitionSource, rawOf, requestOf } from './walk.ts'

export interface PartitionEnd {
  /** What was really read of the source; absent where no record begins in the partition. */
  range?: SourceRange
  /** That begin in the partition, blank ones too; a record with newlines in it is several. */
  lines: number
  bytesRead: number
  windowPeakBytes: number
  /** Where it left off. */
  rest?: Rest
}

/**
 * Sound records go to the spool, broken ones to the rejects; blank lines to neither.
 * Errors: BAD_INPUT, STOPPED where it is to end and has nothing to keep, and those of reading.
 */
export async function readPartition(
  from: PartitionSource,
  spool: Spool,
  rejects: Rejects,
): Promise<PartitionEnd> {
  const ends: PartitionEnd[] = []
  for await (const stretch of stretchesOf(from)) {
    const tally = { lines: 0 }
    const { lines, left: leftAt, ...counts } = await readStretch(from, stretch, spool, rejects, tally)
    const range = rangeRead(from, stretch, lines, leftAt)
    const left = leftAt === undefined ? leftBehind(from, stretch) : stretch.position(leftAt)
    const rest = restFrom(from.leave, left)
    ends.push({ ...(range ? { range } : {}), ...counts, ...tally, ...(rest ? { rest } : {}) })
    if (rejects.tooMany || rest) break
  }
  spool.flush()
  rejects.flush()
  return joined(ends)
}

function readStretch(
  from: PartitionSource,
  stretch: Stretch,
  spool: Spool,
  rejects: Rejects,
  tally: { lines: number },
) {
  if (from.raw && stretch.format) throw otherOrder(stretch)
  const format = stretch.format ?? from.format
  const writePlace = placeWriter(from.run, format)
  return readUnits(requestOf(from, stretch), unit => {
    const before = tally.lines
    const skipped = isNoRecord(unit, format)
    if (!skipped && isBehind(from, stretch, unit.offset)) return 'before'
    if (!skipped && leavesAt(from.leave, stretch, spool.records + rejects.count)) return 'before'
    tally.lines += linesOf(unit, format)
    if (skipped) return true
    const fault = format.fault(unit)
    if (fault !== undefined) {
      const line = lineOf(stretch, before)
      const kept = rejects.add(stretch.position(unit.offset), fault, rawOf(unit), undefined, line)
      refuseRunawayQuote(unit)
      return kept
    }
    spool.begin(unit.offset, before)
    format.spool(unit, spool)
    writePlace?.(stretch.position(unit.offset), spool)
    spool.end()
    return true
  })
}

function otherOrder({ key }: Stretch): MillraceError {
  return new MillraceError(
    'BAD_INPUT',
    `${key} has its fields in another order than the objects before it, and records are given raw`,
    {
      refusal: 'COLUMNS_DIFFER',
      remedy: "Set work.input to 'ndjson' or 'csv', which give fields by their names.",
    },
  )
}

function rangeRead(
  from: PartitionSource,
  stretch: Stretch,
  lines: ByteRange | undefined,
  left: number | undefined,
): SourceRange | undefined {
  const { covers } = stretch
  if (covers && left !== undefined) return { start: covers.start, end: stretch.position(left).at }
  return covers ?? (lines ? rangeOf(stretch, lines.start, lines.end) : emptyRange(from, stretch))
}

function rangeOf(stretch: Stretch, first: number, last: number): SourceRange {
  const start = stretch.opens ?? stretch.position(first)
  const end = stretch.position(last)
  return {
    start: start.at,
    ...(start.within ? { startWithin: start.within } : {}),
    end: end.at,
    ...(end.within ? { endWithin: end.within } : {}),
  }
}

/** Where the first partition finds no record, it has read on to the end: there is none in the whole source. */
function emptyRange({ run }: PartitionSource, { opens }: Stretch): SourceRange | undefined {
  return opens && { start: opens.at, end: run.source.bytes }
}

/** Stretches follow one another in the source. */
function joined(ends: readonly PartitionEnd[]): PartitionEnd {
  const ranges = ends.flatMap(({ range }) => range ?? [])
  const { end, endWithin } = ranges.at(-1) ?? {}
  const { start, startWithin } = ranges[0] ?? {}
  const lines = ends.reduce((sum, each) => sum + each.lines, 0)
  const bytesRead = ends.reduce((sum, each) => sum + each.bytesRead, 0)
  const windowPeakBytes = ends.reduce((most, each) => Math.max(most, each.windowPeakBytes), 0)
  const { rest } = ends.at(-1) ?? {}
  const counts = { lines, bytesRead, windowPeakBytes, ...(rest ? { rest } : {}) }
  if (start === undefined || end === undefined) return counts
  const within = { ...(startWithin ? { startWithin } : {}), ...(endWithin ? { endWithin } : {}) }
  return { range: { start, end, ...within }, ...counts }
}

/** Reading so far that the first record's start is known for sure would cost more than the partition's work. */
const proofBytesMax = 64 * 1024 ** 3

/** Does its reading begin with a guess that was not proven? */
export function isGuessed({ format, run, assignment }: PartitionSource): boolean {
  const { exactStart, scanFrom, unproven } = assignment
  const known = (unproven ? undefined : exactStart) ?? scanFrom
  const { space } = run.layout
  // What looks like the beginning of a block may be data of another one.
  if (known !== undefined || (!format.guesses && space !== 'blocks')) return false
  if (space === 'objects') return assignment.objectStart !== undefined
  return assignment.start > run.dataStart
}

/** The first line's begin by a scan from the data's start: slow, exact. The partition's end where there is none. */
export async function provenStart(
  from: PartitionSource,
): Promise<Pick<Assignment, 'exactStart' | 'exactWithin'>> {
  const { exactStart, ...assignment } = from.assignment
  const known = assignment.objectStart ?? from.run.dataStart
  if (assignment.start - known > proofBytesMax) {
    throw new MillraceError(
      'BAD_INPUT',
      `The partition is bad, or the guess of its start at byte ${assignment.start} is wrong`,
    )
  }
  const scanned = { ...from, assignment: { ...assignment, scanFrom: known } }
  for await (const stretch of stretchesOf(scanned)) {
    if (stretch.covers) return { exactStart: stretch.covers.start }
    const { lines } = await readUnits(requestOf(scanned, stretch), () => false)
    if (lines === undefined) continue
    const { at, within } = stretch.position(lines.start)
    return { exactStart: at, ...(within ? { exactWithin: within } : {}) }
  }
  return { exactStart: assignment.end }
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
