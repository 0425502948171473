/** Where a reader may leave off, so that another partition can go on from there. */
import type { Position } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Rest } from '../../shared/records.ts'
import type { Leave } from '../notice/leave.ts'
import type { Stretch, StretchSource } from './stretch.ts'

/** Errors: STOPPED where it is to end with nothing that could be kept. */
export function leavesAt(leave: Leave | undefined, stretch: Stretch, taken: number): boolean {
  if (leave?.why === undefined) return false
  if (taken > 0) return stretch.indivisible === undefined
  if (leave.ending.aborted) throw new MillraceError('STOPPED', 'Asked to stop before the first record')
  return false
}

/** Does the record at that offset begin where no more are read? */
export function isBehind({ until }: StretchSource, stretch: Stretch, offset: number): boolean {
  if (until === undefined) return false
  const { at, within = 0 } = stretch.position(offset)
  return at > until.at || (at === until.at && within >= (until.within ?? 0))
}

/** Where it leaves off with all of a stretch read; absent: it goes on, or is done. */
export function leftBehind({ leave, assignment }: StretchSource, stretch: Stretch): Position | undefined {
  const { covers, toObjectEnd, left } = stretch
  if (leave?.why === undefined || left) return left
  return toObjectEnd && covers && covers.end < assignment.end ? { at: covers.end } : undefined
}

export function restFrom(leave: Leave | undefined, left: Position | undefined): Rest | undefined {
  if (leave?.why === undefined || left === undefined) return undefined
  const { at, within, object } = left
  const objectStart = object && object.base < at ? { objectStart: object.base } : {}
  return { at, ...(within ? { within } : {}), ...objectStart, why: leave.why }
}
