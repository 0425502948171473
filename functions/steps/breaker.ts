/** What the failure of one partition means for the whole run. */
import { createHash } from 'node:crypto'
import { failureRules } from '../../shared/failure.ts'
import { type Failure, type RunRecord, recordKeys } from '../../shared/records.ts'
import { stageOf, taskCount } from '../../shared/stages.ts'
import { isDoom, type Stopping, whyBroken, whyDoomed } from '../../shared/stopping.ts'
import type { Item } from '../../shared/table.ts'
import type { World } from '../../shared/world.ts'
import { runDocument } from './documents.ts'
import { stopRun } from './stop.ts'

type Needs = World<'objects' | 'records' | 'jobs' | 'publish'>

/** Stops the run where nothing heals the failure, or where too many partitions have failed alike. */
export async function stopWhereHopeless(
  world: Needs,
  run: RunRecord,
  task: number,
  failure: Failure,
): Promise<void> {
  const why = isDoom(failure) ? whyDoomed(task, failure) : await whyTripped(world, run, task, failure)
  if (why) await stopRun(world, run, why)
}

async function whyTripped(
  world: World<'objects' | 'records'>,
  run: RunRecord,
  task: number,
  failure: Failure,
): Promise<Stopping | undefined> {
  const tasks = taskCount(run, stageOf(run))
  if (!failureRules[failure.code].breaks || tasks < 2) return undefined
  const { breakerPartitions } = (await runDocument(world, run)).pipeline.retry
  if (tasks < breakerPartitions) return undefined
  const hash = createHash('sha256').update(failure.fingerprint).digest('hex')
  const change = { set: { [`p${task}`]: failure.round } }
  const outcome = await world.records.update(recordKeys.alike(run.runId, hash), change)
  const alike = outcome.ok ? countAlike(outcome.item, run.forgivenRound ?? 0) : 0
  return alike < breakerPartitions ? undefined : whyBroken(alike, failure)
}

/** A partition counts once, however often it was told of; not for what a person has forgiven. */
function countAlike(item: Item, forgivenRound: number): number {
  return Object.entries(item).filter(([name, round]) => /^p\d+$/.test(name) && Number(round) > forgivenRound)
    .length
}
