/** Do the partitions cover their source exactly (invariant 1), and which of them are to blame if not? Pure. */
import type { Assignment, Position, RunDocument } from './documents.ts'
import { cut } from './plan.ts'
import type { PartitionRecord, SourceRange } from './records.ts'

/** A guess of a record's start that its neighbours disprove, and what to do instead. */
export interface Miscut {
  assignment: Assignment
  words: string
}

interface Plan {
  partitions: number
  planned: (partition: number) => Assignment
}

/**
 * Do the ranges really read tile the source from its first record to its last byte (invariant 1)? Up to the first
 * gap or overlap everything is proven from the left: the first partition starts where the data starts, and where
 * a partition starts right it ends right. Beyond it, a start is only held against its neighbour's end.
 *
 * @param reports by partition; each one SUCCEEDED
 * @param distrust scan everything right of the proven part instead of guessing again
 * @param planned what a partition was first told
 * @returns none where they tile
 */
export function miscuts(
  run: RunDocument,
  reports: readonly PartitionRecord[],
  distrust = false,
  planned: Plan['planned'] = partition => cut(run, partition),
): Miscut[] {
  const found = new Map<number, Miscut>()
  const plan = { partitions: run.partitions, planned }
  let cursor: Position = { at: run.dataStart }
  let proven: Position | undefined
  for (const { partition, report } of reports) {
    const range = report?.range
    if (range === undefined) continue
    const start = startOf(range)
    if (proven === undefined && isBefore(start, cursor) && partition < ownerOf(plan, cursor)) {
      overlapped(plan, found, cursor, start, partition)
      continue
    }
    if (!same(start, cursor)) {
      blame(plan, found, cursor, proven, start, partition)
      proven ??= cursor
    }
    cursor = endOf(range)
  }
  if (!same(cursor, { at: run.dataEnd })) {
    blame(plan, found, cursor, proven, undefined, run.partitions)
    proven ??= cursor
  }
  if (distrust && proven !== undefined) scanRest(plan, found, proven)
  return [...found.values()].toSorted((a, b) => a.assignment.partition - b.assignment.partition)
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
  plan: Plan,
  found: Map<number, Miscut>,
  cursor: Position,
  actual: Position,
  partition: number,
): void {
  const words = `the record before it ends at ${placeWords(cursor)}, it started at ${placeWords(actual)}`
  found.set(partition, { assignment: { ...plan.planned(partition), ...scanning(cursor) }, words })
}

/** The last partition that was planned to start at or before the place. */
function ownerOf({ partitions, planned }: Plan, { at }: Position): number {
  let low = 0
  let high = partitions - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (planned(middle).start <= at) low = middle
    else high = middle - 1
  }
  return low
}

function placeWords({ at, within }: Position): string {
  return within ? `byte ${within} of the block at byte ${at}` : `byte ${at}`
}

/** The partition in whose planned range the true start lies guessed wrong; else the one that started elsewhere. */
function blame(
  plan: Plan,
  found: Map<number, Miscut>,
  cursor: Position,
  proven: Position | undefined,
  actual: Position | undefined,
  partition: number,
): void {
  const owner = ownerOf(plan, cursor)
  const words = `a record starts at ${placeWords(cursor)}, the next partition started at ${actual ? placeWords(actual) : 'none'}`
  const hint = proven === undefined ? exactly(cursor) : scanning(proven)
  for (const culprit of new Set([owner, Math.min(partition, plan.partitions - 1)])) {
    const exact = culprit === owner ? hint : scanning(proven ?? cursor)
    if (!found.has(culprit)) found.set(culprit, { assignment: { ...plan.planned(culprit), ...exact }, words })
  }
}

type Hint = Pick<Assignment, 'exactStart' | 'exactWithin' | 'scanFrom' | 'scanWithin'>

function exactly({ at, within }: Position): Hint {
  return { exactStart: at, ...(within === undefined ? {} : { exactWithin: within }) }
}

function scanning({ at, within }: Position): Hint {
  return { scanFrom: at, ...(within === undefined ? {} : { scanWithin: within }) }
}

function scanRest(plan: Plan, found: Map<number, Miscut>, proven: Position): void {
  const first = ownerOf(plan, proven)
  for (let partition = first; partition < plan.partitions; partition++) {
    if (found.get(partition)?.assignment.exactStart !== undefined) continue
    const assignment = { ...plan.planned(partition), ...scanning(proven) }
    found.set(partition, { assignment, words: 'guesses to the left of it were wrong before' })
  }
}
