/** Reads one partition into the spool, and finds single records of it again. */

import { CsvFault } from '../../shared/csv-scan.ts'
import type { Assignment, RunDocument } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Objects } from '../../shared/ports.ts'
import type { RecordFormat } from './format.ts'
import type { Rejects } from './rejects.ts'
import { recordsPerMark, type Spool } from './spool.ts'
import { readUnits, type Unit, type UnitsEnd } from './units.ts'

export const recordBytesMax = 256 * 1024 * 1024

export interface PartitionSource {
  objects: Objects
  run: RunDocument
  assignment: Assignment
  format: RecordFormat
  signal?: AbortSignal | undefined
}

/** Sound records go to the spool, broken ones to the rejects; blank lines to neither. */
export async function readPartition(
  from: PartitionSource,
  spool: Spool,
  rejects: Rejects,
): Promise<UnitsEnd> {
  const { format } = from
  const end = await readUnits(requestOf(from, from.assignment), unit => {
    if (isBlank(unit, format)) return true
    const fault = format.fault(unit)
    if (fault !== undefined) {
      const kept = rejects.add(unit.offset, fault, rawOf(unit))
      refuseRunawayQuote(unit)
      return kept
    }
    spool.begin(unit.offset)
    format.spool(unit, spool)
    spool.end()
    return true
  })
  spool.flush()
  rejects.flush()
  return end
}

/** `onFound` is called for each of `ordinals` (ascending, from 0, of the spooled records) with its record. */
export async function findRecords(
  from: PartitionSource,
  marks: readonly number[],
  ordinals: readonly number[],
  onFound: (ordinal: number, offset: number, raw: Buffer) => void,
): Promise<void> {
  let next = 0
  while (next < ordinals.length) {
    const mark = Math.floor((ordinals[next] ?? 0) / recordsPerMark)
    const start = marks[mark] ?? from.assignment.start
    let ordinal = mark * recordsPerMark
    const behind = (mark + 1) * recordsPerMark
    const again = requestOf(from, { ...from.assignment, exactStart: start })
    await readUnits(again, unit => {
      if (isBlank(unit, from.format) || from.format.fault(unit) !== undefined) return true
      if (ordinal === ordinals[next]) {
        onFound(ordinal, unit.offset, rawOf(unit))
        next++
      }
      ordinal++
      return ordinal < behind && next < ordinals.length
    })
    if (ordinal <= mark * recordsPerMark || (ordinals[next] ?? behind) < behind) {
      throw new MillraceError('COUNT_MISMATCH', `Record ${ordinals[next]} is not found again in the source`)
    }
  }
}

/** Reading so far that the first record's start is known for sure would cost more than the partition's work. */
const proofBytesMax = 64 * 1024 ** 3

/** Does its reading begin with a guess that was not proven? */
export function isGuessed({ format, run, assignment }: PartitionSource): boolean {
  const known = assignment.exactStart ?? assignment.scanFrom
  return format.guesses && known === undefined && assignment.start > run.dataStart
}

/** The first line's begin by a scan from the data's start: slow, exact. The partition's end where there is none. */
export async function provenStart(from: PartitionSource): Promise<number> {
  const { assignment, run } = from
  if (assignment.start - run.dataStart > proofBytesMax) {
    throw new MillraceError(
      'BAD_INPUT',
      `The partition is bad, or the guess of its start at byte ${assignment.start} is wrong`,
    )
  }
  const scan = requestOf(from, { ...assignment, scanFrom: run.dataStart })
  const { range } = await readUnits(scan, () => false)
  return range?.start ?? assignment.end
}

function requestOf({ objects, run, format, signal }: PartitionSource, assignment: Assignment) {
  const { source, dataStart } = run
  const { guesses } = format
  const scanner = (sample?: Buffer) => format.scanner(sample)
  return { objects, source, dataStart, assignment, scanner, guesses, recordBytesMax, signal }
}

function isBlank({ begin, line }: Unit, format: RecordFormat): boolean {
  return !format.blankIsRecord && line.contentEnd === begin
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
