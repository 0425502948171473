/** A file arrived, or a list of them, or a group or a tick is due: register its run once, plan its partitions. */
import {
  type Drop,
  isOwnEvent,
  isScheduleDue,
  isSourceMissed,
  parseObjectCreated,
  parseSourceMissed,
} from '../shared/events.ts'
import { isGrouped } from '../shared/groups.ts'
import { manifestPipeline } from '../shared/manifest.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { pipelineFor, planRun, runIdOf } from '../shared/plan.ts'
import type { World } from '../shared/world.ts'
import { queueDoor } from './doorway/doors.ts'
import { dynamodb, eventBridgeAndScheduler, s3 } from './doorway/reach.ts'
import { closeGroup } from './steps/close-group.ts'
import { joinGroup } from './steps/groups.ts'
import { ownerOf } from './steps/ledger.ts'
import { listManifest } from './steps/manifest.ts'
import { planObjects } from './steps/plan-objects.ts'
import { enterRepeat, frozen, frozenList, register, reopen } from './steps/register.ts'
import { loadRun } from './steps/rounds.ts'
import { earlierLoad, lookAt } from './steps/sources.ts'
import { takeTick } from './steps/tick.ts'

type Needs = World<'objects' | 'records' | 'bus'>

export const handler = queueDoor('partition', partition, {
  objects: s3,
  records: dynamodb,
  bus: eventBridgeAndScheduler,
})

export async function partition(world: Needs, event: unknown): Promise<void> {
  if (isScheduleDue(event)) return takeTick(world, event)
  const missed = isSourceMissed(event)
  if (isOwnEvent(event) && !missed) return closeGroup(world, event, takeDrop)
  const drop = missed ? parseSourceMissed(event) : parseObjectCreated(event)
  const { bucket, key } = drop.source
  const { drops } = world.config.buckets
  const listed = bucket === drops ? manifestPipeline(world.pipelines, key) : undefined
  if (listed) return takeManifest(world, listed, drop)
  const pipeline = pipelineFor(world.pipelines, drop.source, drops)
  if (!pipeline) return world.log.info('no pipeline takes this key', { bucket, key })
  if (pipeline.source.schedule && !missed) return world.log.info('waits for its tick', { bucket, key })
  await takeDrop(world, pipeline, drop, isGrouped(pipeline, drop))
}

/** Once only, whatever became of the drop before: whoever has it is in the ledger before its run is there. */
async function takeDrop(world: Needs, pipeline: Pipeline, drop: Drop, grouped = false): Promise<void> {
  const owner = await ownerOf(world, drop)
  if (owner && (owner.run || !owner.alone)) return owner.run && reopen(world, owner.run)
  const { group } = pipeline.source
  await (owner === undefined && grouped && group
    ? joinGroup(world, pipeline, group, drop)
    : takeAlone(world, pipeline, drop))
}

async function takeAlone(world: Needs, pipeline: Pipeline, drop: Drop): Promise<void> {
  const runId = runIdOf(pipeline.name, drop.source, drop.identity)
  const repeated = pipeline.source.skipIdentical ? await earlierLoad(world, runId, drop) : undefined
  if (repeated) return enterRepeat(world, drop, repeated)
  const plan = await frozen(world, runId, async () => {
    const { look, partitionBytes } = await lookAt(world, drop.source)
    return planRun(runId, pipeline, look, partitionBytes)
  })
  await register(world, runId, pipeline.name, drop, plan)
}

async function takeManifest(world: Needs, pipeline: Pipeline, drop: Drop): Promise<void> {
  const runId = runIdOf(pipeline.name, drop.source, drop.identity)
  const known = await loadRun(world, runId)
  if (known) return reopen(world, known)
  const plan = await frozenList(world, runId, async () => {
    const { partitionBytes } = await lookAt(world, drop.source)
    const written = await listManifest(world, runId, drop.source, pipeline.source.bucket)
    return planObjects(world, runId, pipeline, drop.source, written, partitionBytes)
  })
  await register(world, runId, pipeline.name, drop, plan)
}
