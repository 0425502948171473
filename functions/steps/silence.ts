/** What nobody has said of a round that ended, asked of Batch. */
import { type AttemptEnd, dependentReason } from '../../shared/failure.ts'
import type { FailedChild } from '../../shared/ports.ts'
import type { PartitionRecord, RoundRecord, RunRecord } from '../../shared/records.ts'
import { stageOf } from '../../shared/stages.ts'
import { stopReason } from '../../shared/stopping.ts'
import { PartitionState } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { chunkedAssignments, partitionsOf } from './gather.ts'
import { heldEnds, recordLoss, stillAtWork } from './losses.ts'

type Needs = World<'objects' | 'records' | 'jobs'>

/**
 * Gives every partition of the round that has neither succeeded nor failed the reason that Batch knows: its event
 * may be late or lost. What Batch knows nothing of either ended without a word.
 * @returns false where a job is still at work on them: its end opens the door again
 */
export async function fillLosses(world: Needs, run: RunRecord, record: RoundRecord): Promise<boolean> {
  const { runId, round } = record
  const worked = await chunkedAssignments(world, record)
  const tasks = await partitionsOf(world, run, stageOf(record))
  const known = new Map(tasks.map(task => [task.partition, task]))
  const order = worked.flat().map(({ partition }) => partition)
  const isMissed = run.stopping ? isHeld : isSilent
  const silent = new Set(order.filter(partition => isMissed(known.get(partition), round)))
  if (silent.size === 0) return true
  const holderOf = (partition: number): string | undefined => known.get(partition)?.jobId
  const holders = [...silent].map(holderOf)
  if (await stillAtWork(world, record, holders)) return false
  for (const [chunk, assignments] of worked.entries()) {
    for await (const child of failedChildren(world, record[`job${chunk}`])) {
      const partition = assignments[child.index]?.partition
      if (partition === undefined || !silent.delete(partition)) continue
      await recordLoss(world, { runId, partition, round }, child)
    }
    const whole = await endedInVain(world, record, chunk)
    for (const { partition } of whole ? assignments : [])
      if (silent.delete(partition)) await recordLoss(world, { runId, partition, round }, whole ?? {})
  }
  // Of a job that nobody recorded, too.
  const ends = await heldEnds(
    world,
    [...silent].flatMap(partition => holderOf(partition) ?? []),
  )
  const unsaid = run.stopping ? { statusReason: stopReason(run.stopping) } : {}
  for (const partition of silent) {
    await recordLoss(world, { runId, partition, round }, ends.get(holderOf(partition) ?? '') ?? unsaid)
  }
  return true
}

/** An array that waited for the one before it: whether Batch then lists any child of it is not documented. */
async function endedInVain(
  world: World<'objects' | 'jobs'>,
  record: RoundRecord,
  chunk: number,
): Promise<AttemptEnd | undefined> {
  const jobId = record[`job${chunk}`]
  if (chunk === 0 || jobId === undefined) return undefined
  const end = (await heldEnds(world, [jobId])).get(jobId)
  return end?.statusReason?.startsWith(dependentReason) ? end : undefined
}

/** In a run that is being stopped, whom nobody has taken up has lost nothing. */
function isHeld(partition: PartitionRecord | undefined): boolean {
  return partition?.state === PartitionState.RUNNING
}

function isSilent(partition: PartitionRecord | undefined, round: number): boolean {
  if (partition === undefined) return true
  if (partition.state === PartitionState.SUCCEEDED) return false
  return !partition.failures?.some(failure => failure.round === round)
}

async function* failedChildren(world: World<'jobs'>, jobId: string | undefined): AsyncGenerator<FailedChild> {
  if (jobId === undefined) return
  let after: string | undefined
  do {
    const { failed, next } = await world.jobs.failures(jobId, after)
    yield* failed
    after = next
  } while (after !== undefined)
}
