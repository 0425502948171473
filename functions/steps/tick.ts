/** A schedule is due: all below the pipeline's prefix that no run has yet becomes one run. */
import { isError } from '../../shared/errors.ts'
import { parseScheduleDue } from '../../shared/events.ts'
import { type GroupMembers, groupKeys } from '../../shared/groups.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { runIdOf } from '../../shared/plan.ts'
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
  const members = await membersOf(world, pipeline, runId)
  if (members.length === 0) return world.log.info('a tick with nothing new: no run', { ...tick })
  await registerDrops(world, pipeline, { runId, place }, members)
}

/** As they were when the tick was first looked at: what comes later belongs to the next. */
async function membersOf(world: Needs, pipeline: Pipeline, runId: string): Promise<GroupMembers['members']> {
  const ref = { bucket: world.config.buckets.state, key: groupKeys.members(runId) }
  try {
    return (await readDocument<GroupMembers>(world.objects, ref)).members
  } catch (error) {
    if (!isError(error, 'OBJECT_MISSING')) throw error
  }
  const { drops, after } = await newObjects(world, pipeline)
  const found = { members: drops }
  const { members } = drops.length === 0 ? found : await freeze<GroupMembers>(world.objects, ref, found)
  await goOn(world, pipeline.name, after)
  return members
}
