/** Do the partitions cover their source exactly (invariant 1), and which of them are to blame if not? Pure. */
import type { Assignment, Position, RunDocument } from './documents.ts'
import { PartitionPlan } from './partition-plan.ts'
import type { PartitionRecord, SourceRange } from './records.ts'

/** A guess of a record's start that its neighbours disprove, and what to do instead. */
export interface Miscut {
  assignment: Assignment
  words: string
}

/** By place in the order of the source. */
type Found = Map<number, Miscut>

/**
 * Do the ranges really read tile the source from its first record to its last byte (invariant 1)? Up to the first
 * gap or overlap everything is proven from the left: the first partition starts where the data starts, and where
 * a partition starts right it ends right. Beyond it, a start is only held against its neighbour's end.
 *
 * @param reports in the order of the source; each one SUCCEEDED
 * @param distrust scan everything right of the proven part instead of guessing again
 * @returns none where they tile; in the order of the source
 */
export function miscuts(
  run: RunDocument,
  reports: readonly PartitionRecord[],
  distrust = false,
  plan = new PartitionPlan(run),
): Miscut[] {
  const found: Found = new Map()
  let cursor: Position = { at: run.dataStart }
  let proven: Position | undefined
  for (const { partition, report } of reports) {
    const range = report?.range
    if (range === undefined) continue
    const start = startOf(range)
    const place = plan.placeOf(partition)
    if (proven === undefined && isBefore(start, cursor) && place < ownerOf(plan, cursor)) {
      overlapped(plan, found, cursor, start, place)
      continue
    }
    if (!same(start, cursor)) {
      blame(plan, found, cursor, proven, start, place)
      proven ??= cursor
    }
    cursor = endOf(range)
  }
  if (!same(cursor, { at: run.dataEnd })) {
    blame(plan, found, cursor, proven, undefined, plan.count)
    proven ??= cursor
  }
  if (distrust && proven !== undefined) scanRest(plan, found, proven)
  return [...found].toSorted(([a], [b]) => a - b).map(([, miscut]) => miscut)
}

export const startOf = ({ start, startWithin }: SourceRange): Position => position(start, startWithin)
export const endOf = ({ end, endWithin }: SourceRange): Position => position(end, endWithin)

function position(at: number, within: number | undefined): Position {
  return within ? { at, within } : { at }
}

function same(one: Position, other: Position): boolean {
  return one.at === other.at && (one.within ?? 0) === (other.within ?? 0)
}

function isBefore(one: Position, other: Position): boolean {
  return one.at < other.at || (one.at === other.at && (one.within ?? 0) < (other.within ?? 0))
}

/** A record that is proven reaches over the whole of a partition that took something in it for a start. */
function overlapped(
  plan: PartitionPlan,
  found: Found,
  cursor: Position,
  actual: Position,
  place: number,
): void {
  const words = `the record before it ends at ${placeWords(cursor)}, it started at ${placeWords(actual)}`
  found.set(place, { assignment: { ...plannedAt(plan, place), ...scanning(cursor) }, words })
}

const plannedAt = (plan: PartitionPlan, place: number): Assignment => plan.planned(plan.taskAt(place))

/** The place of the last partition that was planned to start at or before it. */
function ownerOf(plan: PartitionPlan, { at }: Position): number {
  let low = 0
  let high = plan.count - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (plannedAt(plan, middle).start <= at) low = middle
    else high = middle - 1
  }
  return low
}

function placeWords({ at, within }: Position): string {
  return within ? `byte ${within} of the block at byte ${at}` : `byte ${at}`
}

/** The partition in whose planned range the true start lies guessed wrong; else the one that started elsewhere. */
function blame(
  plan: PartitionPlan,
  found: Found,
  cursor: Position,
  proven: Position | undefined,
  actual: Position | undefined,
  place: number,
): void {
  const owner = ownerOf(plan, cursor)
  const words = `a record starts at ${placeWords(cursor)}, the next partition started at ${actual ? placeWords(actual) : 'none'}`
  const hint = proven === undefined ? exactly(cursor) : scanning(proven)
  for (const culprit of new Set([owner, Math.min(place, plan.count - 1)])) {
    const exact = culprit === owner ? hint : scanning(proven ?? cursor)
    if (!found.has(culprit))
      found.set(culprit, { assignment: { ...plannedAt(plan, culprit), ...exact }, words })
  }
}

type Hint = Pick<Assignment, 'exactStart' | 'exactWithin' | 'scanFrom' | 'scanWithin'>

function exactly({ at, within }: Position): Hint {
  return { exactStart: at, ...(within === undefined ? {} : { exactWithin: within }) }
}

function scanning({ at, within }: Position): Hint {
  return { scanFrom: at, ...(within === undefined ? {} : { scanWithin: within }) }
}

function scanRest(plan: PartitionPlan, found: Found, proven: Position): void {
  for (let place = ownerOf(plan, proven); place < plan.count; place++) {
    if (found.get(place)?.assignment.exactStart !== undefined) continue
    const assignment = { ...plannedAt(plan, place), ...scanning(proven) }
    found.set(place, { assignment, words: 'guesses to the left of it were wrong before' })
  }
}
