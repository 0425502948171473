/** Which parts of partitions are given to new ones, and what those are told. Pure. */
import { type Assignment, type Resplit, type RunDocument, type StartHint, stageBase } from './documents.ts'
import { type LadderFacts, nextStep, quartered, type Step, stragglerShares } from './ladder.ts'
import type { PartitionPlan } from './partition-plan.ts'
import type { PartitionRecord, Rest } from './records.ts'
import { PartitionState } from './vocabulary.ts'

/** The next step of a partition that failed; `resplit`: what it gives away, not yet numbered. */
export interface Stepped {
  record: PartitionRecord
  step: Step
  resplit?: Resplit
}

/** `told`: what the partition was told in the round that failed. */
export function stepped(record: PartitionRecord, told: Assignment, ladder: LadderFacts): Stepped {
  const kept = record.partition < stageBase.merge ? ladder.plan.planned(record.partition).end : told.end
  if (kept < told.end) {
    // An interrupted settle has given the rest of it away already.
    return { record, step: { kind: 'repeat', assignment: { ...told, end: kept } } }
  }
  const step = nextStep(record, told, ladder)
  if (step.kind !== 'quarter') return { record, step }
  const resplit = quartered(step.assignment, ladder.plan.depth(record.partition))
  return { record, step: { ...step, assignment: { ...step.assignment, end: resplit.at } }, resplit }
}

/** What attempts left unread and nobody has been given yet; not yet numbered. */
export function restsOf(
  partitions: readonly PartitionRecord[],
  assignments: ReadonlyMap<number, Assignment>,
  plan: PartitionPlan,
  { dataStart }: RunDocument,
): Resplit[] {
  return partitions.flatMap(({ partition, state, report }) => {
    const rest = report?.rest
    const { start, end } = plan.planned(partition)
    if (state !== PartitionState.SUCCEEDED || rest === undefined || rest.at >= end) return []
    // Left by an attempt at what the number stood for once: it does not tile.
    if (rest.at <= start) return []
    const told = assignments.get(partition) ?? plan.planned(partition)
    const { at, objectStart, why } = rest
    return {
      partition,
      at,
      end,
      ...(objectStart === undefined ? {} : { objectStart }),
      first: 0,
      shares: why === 'asked' ? Math.min(stragglerShares, end - at) : 1,
      depth: plan.depth(partition),
      hint: hintOf(rest, isProven(told, dataStart)),
    }
  })
}

function hintOf({ at, within }: Rest, proven: boolean): StartHint {
  return {
    exactStart: at,
    ...(within ? { exactWithin: within } : {}),
    ...(proven ? {} : { unproven: true as const }),
  }
}

/** A record starts where it began reading: nobody guessed. */
function isProven({ start, exactStart, scanFrom, unproven }: Assignment, dataStart: number): boolean {
  return !unproven && (start <= dataStart || exactStart !== undefined || scanFrom !== undefined)
}
