/** A schedule is due: all below the pipeline's prefix that no run has yet becomes one run. */
import { isError } from '../../shared/errors.ts'
import { parseScheduleDue } from '../../shared/events.ts'
import { type GroupMembers, groupKeys } from '../../shared/groups.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { runIdOf } from '../../shared/plan.ts'
import type { ObjectRef } from '../../shared/ports.ts'
import { tickSource } from '../../shared/ticks.ts'
import type { World } from '../../shared/world.ts'
import { freeze, readDocument } from './documents.ts'
import { goOn, newObjects } from './new-objects.ts'
import { reopen } from './register.ts'
import { registerDrops } from './register-drops.ts'
import { loadRun } from './rounds.ts'

type Needs = World<'objects' | 'records' | 'publish'>

/** A tick that comes twice finds the same run; one that was lost leaves its objects to the next. */
export async function takeTick(world: Needs, event: unknown): Promise<void> {
  const tick = parseScheduleDue(event)
  const pipeline = world.pipelines.find(({ name }) => name === tick.pipeline)
  if (!pipeline?.source.schedule)
    return world.log.warn('a tick of a pipeline that has no schedule', { ...tick })
  const place = tickSource(world.config.buckets.drops, tick)
  const runId = runIdOf(pipeline.name, place, '')
  const known = await loadRun(world, runId)
  if (known) return reopen(world, known)
  const { members, begun } = await membersOf(world, pipeline, { runId, place })
  if (members.length === 0) world.log.info('a tick with nothing new: no run', { ...tick })
  else await registerDrops(world, pipeline, { runId, place }, members)
  // Last, so that what is wrong with an earlier tick does not keep this one from its own.
  for (const earlier of begun) await endBegun(world, pipeline, earlier)
}

/** A tick that died over its objects and does not come again: they are entered, so that no other run takes them. */
async function endBegun(world: Needs, pipeline: Pipeline, runId: string): Promise<void> {
  const { place, members } = (await frozenMembers(world, runId)) ?? { members: [] }
  if (place === undefined) return
  world.log.warn('ends what an earlier tick began', { runId, key: place.key })
  await registerDrops(world, pipeline, { runId, place }, members)
}

interface Members extends GroupMembers {
  /** Runs of earlier ticks that are in the ledger and not there. */
  begun: string[]
}

/** As they were when the tick was first looked at: what comes later belongs to the next. */
async function membersOf(
  world: Needs,
  pipeline: Pipeline,
  { runId, place }: { runId: string; place: ObjectRef },
): Promise<Members> {
  const frozen = await frozenMembers(world, runId)
  if (frozen) return { ...frozen, begun: [] }
  const { drops, after, begun } = await newObjects(world, pipeline)
  const found: GroupMembers = { members: drops, place }
  const ref = { bucket: world.config.buckets.state, key: groupKeys.members(runId) }
  const { members } = drops.length === 0 ? found : await freeze(world.objects, ref, found)
  await goOn(world, pipeline.name, after)
  return { members, begun }
}

async function frozenMembers(world: Needs, runId: string): Promise<GroupMembers | undefined> {
  const ref = { bucket: world.config.buckets.state, key: groupKeys.members(runId) }
  try {
    return await readDocument<GroupMembers>(world.objects, ref)
  } catch (error) {
    if (isError(error, 'OBJECT_MISSING')) return undefined
    throw error
  }
}
