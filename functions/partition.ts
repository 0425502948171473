/** A file arrived: register its run once, plan its partitions, open the first round. */
import { isoTime } from '../shared/clock.ts'
import type { RunDocument } from '../shared/documents.ts'
import { stateKeys } from '../shared/documents.ts'
import { isError } from '../shared/errors.ts'
import { type Drop, parseObjectCreated } from '../shared/events.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { isRefusal, type Refusal } from '../shared/plan/refusal.ts'
import { splitRound, splitsFirst } from '../shared/plan/split.ts'
import { firstRound, pipelineFor, planRun, runIdOf } from '../shared/plan.ts'
import { type RunRecord, recordKeys, runIndexes, type SourceRecord, toItem } from '../shared/records.ts'
import { RunState, Stage } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { queueDoor } from './doorway/doors.ts'
import { freeze } from './steps/documents.ts'
import { announce, loadRun, openRound, publishRoundDue } from './steps/rounds.ts'
import { earlierLoad, lookAt } from './steps/sources.ts'

export const handler = queueDoor('partition', partition)

export async function partition(world: World, event: unknown): Promise<void> {
  const drop = parseObjectCreated(event)
  const pipeline = pipelineFor(world.pipelines, drop.source.key)
  if (!pipeline) return world.log.info('no pipeline takes this key', { key: drop.source.key })
  const runId = runIdOf(pipeline.name, drop.source, drop.identity)
  const known = await loadRun(world, runId)
  if (known) return reopen(world, known)
  const repeated = pipeline.source.skipIdentical ? await earlierLoad(world, runId, drop) : undefined
  if (repeated) return enterRepeat(world, drop, repeated)
  const plan = await planDrop(world, runId, pipeline, drop)
  await register(world, runId, pipeline, drop, plan)
}

/** A repeated event: the run is there; its next door may never have been opened. */
async function reopen(world: World, run: RunRecord): Promise<void> {
  if (run.state === RunState.PLANNED) await publishRoundDue(world, run, world.clock.now())
  if (run.state === RunState.REFUSED) await announce(world, run)
}

async function planDrop(
  world: World,
  runId: string,
  pipeline: Pipeline,
  drop: Drop,
): Promise<RunDocument | Refusal> {
  try {
    const { look, partitionBytes } = await lookAt(world, drop.source)
    const plan = await planRun(runId, pipeline, look, partitionBytes)
    const ref = { bucket: world.config.buckets.state, key: stateKeys.run(runId) }
    // Even if a deploy has changed the pipeline before a repeated event.
    return isRefusal(plan) ? plan : await freeze(world.objects, ref, plan)
  } catch (error) {
    if (!isError(error, 'SOURCE_CHANGED')) throw error
    return { code: error.code, words: error.message, remedy: error.remedy ?? '' }
  }
}

async function register(
  world: World,
  runId: string,
  pipeline: Pipeline,
  drop: Drop,
  plan: RunDocument | Refusal,
): Promise<void> {
  const refused = isRefusal(plan)
  if (!refused) await openFirst(world, plan)
  const run = runRecord(runId, pipeline.name, drop, plan, isoTime(world.clock.now()))
  // Before the run: once that is there, a repeated event looks no further.
  await enterLedger(world, run, drop)
  await world.records.put(toItem(recordKeys.run(runId), run, runIndexes(run)), [{ state: { absent: true } }])
  world.log.info(refused ? 'refused' : 'planned', { runId, partitions: run.partitions, ...run.failure })
  await (refused ? announce(world, run) : publishRoundDue(world, run, world.clock.now()))
}

async function openFirst(world: World, plan: RunDocument): Promise<void> {
  const now = world.clock.now()
  if (splitsFirst(plan)) await openRound(world, plan.runId, [splitRound(plan)], 1, now, Stage.split)
  else await openRound(world, plan.runId, firstRound(plan), 1, now)
}

function runRecord(
  runId: string,
  pipeline: string,
  { source }: Drop,
  plan: RunDocument | Refusal,
  now: string,
): RunRecord {
  const planned = { state: RunState.PLANNED, round: 1 }
  const splitting = { stage: Stage.split, splits: true }
  const refused = { state: RunState.REFUSED, round: 0 }
  return {
    runId,
    pipeline,
    source,
    createdAt: now,
    updatedAt: now,
    ...(isRefusal(plan)
      ? { ...refused, partitions: 0, failure: plan }
      : { ...planned, partitions: plan.partitions, ...(splitsFirst(plan) ? splitting : {}) }),
  }
}

/** The ledger's answer for this version is the run that loaded the very same content. */
async function enterRepeat(world: World, { source, identity }: Drop, earlier: SourceRecord): Promise<void> {
  const entry = { ...earlier, seenAt: isoTime(world.clock.now()) }
  const key = recordKeys.source(source, identity)
  await world.records.put(toItem(key, entry), [{ runId: { absent: true } }])
  world.log.info('identical content was loaded before: no run', { runId: earlier.runId, key: source.key })
}

/** The first run to load a version stays its answer for ever; the content points to its latest run. */
async function enterLedger(world: World, run: RunRecord, { source, identity }: Drop): Promise<void> {
  const { runId, pipeline, createdAt } = run
  const entry = { runId, pipeline, etag: source.etag, bytes: source.bytes, seenAt: createdAt }
  await world.records.put(toItem(recordKeys.source(source, identity), entry), [{ runId: { absent: true } }])
  await world.records.put(toItem(recordKeys.content(source, source.etag), entry))
}
