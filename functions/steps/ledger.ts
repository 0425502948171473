/** The ledger's answer to "was this object loaded?": the first run that entered it has it, for ever. */
import type { Drop } from '../../shared/events.ts'
import { runIdOf } from '../../shared/plan.ts'
import { fromItem, type RunRecord, recordKeys, type SourceRecord } from '../../shared/records.ts'
import type { World } from '../../shared/world.ts'
import { loadRun } from './rounds.ts'

export interface Owner {
  runId: string
  /** Absent: it is not registered, or not yet. */
  run?: RunRecord
  /** Of this object alone, not of a group: nobody but its own event will register it. */
  alone: boolean
}

/** The run that has the drop; `undefined`: none so far. */
export async function ownerOf(
  world: World<'records'>,
  { source, identity }: Drop,
): Promise<Owner | undefined> {
  const item = await world.records.get(recordKeys.source(source, identity))
  if (item === undefined) return undefined
  const { runId, pipeline } = fromItem<SourceRecord>(item)
  const run = await loadRun(world, runId)
  return { runId, ...(run ? { run } : {}), alone: runId === runIdOf(pipeline, source, identity) }
}

/** Is it a run other than `runId`, and one that is there or sure to come? */
export function isTaken({ runId, run, alone }: Owner, by: string): boolean {
  return runId !== by && (run !== undefined || !alone)
}
