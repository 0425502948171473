/** Leaving off half-way, at the start of a record. */
import type { Rest } from '../shared/records.ts'
import type { LinesRead } from './stand-in-lines.ts'

const newline = 0x0a

/**
 * The first half of what was read, and where the rest begins; all of it where it is a single record, or where the
 * reader itself has left off.
 */
export function leftOff(read: LinesRead, why: Rest['why']): { read: LinesRead; rest?: Rest } {
  const { range, bytes, records, bases = [], left } = read
  if (left !== undefined) return { read, rest: { at: left, why } }
  const kept = Math.ceil(records / 2)
  if (range === undefined || kept === records) return { read }
  let length = 0
  for (let line = 0; line < kept; line++) length = bytes.indexOf(newline, length) + 1
  const at = range.start + length
  const base = bases.findLast(one => one <= at)
  const rest: Rest = { at, why, ...(base === undefined || base === at ? {} : { objectStart: base }) }
  const own = { range: { start: range.start, end: at }, bytes: bytes.subarray(0, length), records: kept }
  return { read: own, rest }
}
