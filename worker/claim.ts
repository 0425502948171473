/** The two conditional writes of an attempt: taking its partition, and saying how it ended. */
import { isoTime } from '../shared/clock.ts'
import { MillraceError } from '../shared/errors.ts'
import { after, allows, partitionTable } from '../shared/lifecycle.ts'
import type { Clock, Records } from '../shared/ports.ts'
import {
  type Claim,
  type Failure,
  fromItem,
  type PartitionRecord,
  type Report,
  recordKeys,
  toItem,
} from '../shared/records.ts'
import type { Guard, Item, Json, RecordKey, Test } from '../shared/table.ts'
import { PartitionState } from '../shared/vocabulary.ts'
import type { Child } from './child.ts'

/** Others claim the same partition only when Batch runs it twice; five in a row means something else. */
const claimTriesMax = 5

export type Claimed = { fence: number } | { refused: 'done' | 'overtaken'; by: PartitionRecord }

export interface Held {
  records: Records
  clock: Clock
  child: Child
  partition: number
}

/**
 * The fence is read and raised in one guarded write, so that the claim's own entry can carry it. Refused:
 * `done` where the partition has succeeded, `overtaken` where a later round holds it.
 */
export async function claim(held: Held): Promise<Claimed> {
  const key = recordKeys.partition(held.child.runId, held.partition)
  let known: Item | undefined
  for (let tries = 0; tries < claimTriesMax; tries++) {
    const before = known && fromItem<PartitionRecord>(known)
    const refusal = before && refusalOf(before, held.child.round)
    if (before && refusal) return { refused: refusal, by: before }
    const outcome = await held.records.update(
      key,
      claimChange(held, before),
      claimGuard(before, held.child.round),
    )
    if (outcome.ok) return { fence: fromItem<PartitionRecord>(outcome.item).fence }
    known = outcome.item ?? (await held.records.get(key))
  }
  throw new MillraceError(
    'TEMPORARY_FAILURE',
    `Partition ${held.partition} was contended ${claimTriesMax} times`,
  )
}

function refusalOf(before: PartitionRecord, round: number): 'done' | 'overtaken' | undefined {
  if (after(partitionTable, before.state, 'claimed') === undefined) return 'done'
  return before.round > round ? 'overtaken' : undefined
}

function claimChange({ child, clock, partition }: Held, before: PartitionRecord | undefined) {
  const { runId, round, jobId, jobAttempt } = child
  const fence = (before?.fence ?? 0) + 1
  const entry: Claim = { round, fence, jobId, jobAttempt, at: isoTime(clock.now()) }
  return {
    set: { state: PartitionState.RUNNING, runId, partition, round, jobId, fence },
    append: { claims: [entry as unknown as Json] },
  }
}

function claimGuard(before: PartitionRecord | undefined, round: number): Guard {
  const fence: Test = before?.fence === undefined ? { absent: true } : { is: before.fence }
  if (before === undefined) return [{ state: { absent: true }, fence }]
  return allows(partitionTable, 'claimed').map(clause => ({ ...clause, round: { atMost: round }, fence }))
}

export type Finished = 'written' | 'fenced off'

/** The attempt's report; `fenced off` where a later attempt holds the partition. */
export function succeed(held: Held, fence: number, report: Report): Promise<Finished> {
  const { report: kept } = toItem(recordKeys.run(''), { report })
  return finish(held, fence, { set: { state: PartitionState.SUCCEEDED, report: kept ?? null } })
}

export function fail(held: Held, failure: Failure): Promise<Finished> {
  const entry = failure as unknown as Json
  return finish(held, failure.fence, { set: { state: PartitionState.FAILED }, append: { failures: [entry] } })
}

async function finish(
  { records, child, partition }: Held,
  fence: number,
  change: { set: Record<string, Json>; append?: Record<string, Json[]> },
): Promise<Finished> {
  const key: RecordKey = recordKeys.partition(child.runId, partition)
  const outcome = await records.update(key, change, [
    { state: { is: PartitionState.RUNNING }, fence: { is: fence } },
  ])
  if (outcome.ok) return 'written'
  // Under a client's own retry the first try may have been written and its answer lost: then it is ours.
  const standing = outcome.item ?? (await records.get(key))
  const ours = standing?.fence === fence && standing.state === change.set.state
  return ours ? 'written' : 'fenced off'
}
