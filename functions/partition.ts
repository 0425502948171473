/** A file arrived: register its run once, plan its partitions, open the first round. */
import { isoTime } from '../shared/clock.ts'
import type { RunDocument } from '../shared/documents.ts'
import { stateKeys } from '../shared/documents.ts'
import { isError } from '../shared/errors.ts'
import { type Drop, parseObjectCreated } from '../shared/events.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { isRefusal, type Refusal } from '../shared/plan/refusal.ts'
import { firstRound, pipelineFor, planRun, runIdOf } from '../shared/plan.ts'
import { type RunRecord, recordKeys, runIndexes, type SourceRecord, toItem } from '../shared/records.ts'
import { RunState } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { queueDoor } from './doorway/doors.ts'
import { readDocument, writeOnce } from './steps/documents.ts'
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
    return isRefusal(plan) ? plan : await freeze(world, plan)
  } catch (error) {
    if (!isError(error, 'SOURCE_CHANGED')) throw error
    return { code: error.code, words: error.message, remedy: error.remedy ?? '' }
  }
}

/** The first plan written is the run's plan, even if a deploy has changed the pipeline before a repeated event. */
async function freeze(world: World, plan: RunDocument): Promise<RunDocument> {
  const ref = { bucket: world.config.buckets.state, key: stateKeys.run(plan.runId) }
  return (await writeOnce(world.objects, ref, plan)) ? plan : readDocument<RunDocument>(world.objects, ref)
}

async function register(
  world: World,
  runId: string,
  pipeline: Pipeline,
  drop: Drop,
  plan: RunDocument | Refusal,
): Promise<void> {
  const refused = isRefusal(plan)
  if (!refused) await openRound(world, runId, firstRound(plan), 1, world.clock.now())
  const run = runRecord(runId, pipeline.name, drop, plan, isoTime(world.clock.now()))
  // Before the run: once that is there, a repeated event looks no further.
  await enterLedger(world, run, drop)
  await world.records.put(toItem(recordKeys.run(runId), run, runIndexes(run)), [{ state: { absent: true } }])
  world.log.info(refused ? 'refused' : 'planned', { runId, partitions: run.partitions, ...run.failure })
  await (refused ? announce(world, run) : publishRoundDue(world, run, world.clock.now()))
}

function runRecord(
  runId: string,
  pipeline: string,
  { source }: Drop,
  plan: RunDocument | Refusal,
  now: string,
): RunRecord {
  const planned = { state: RunState.PLANNED, round: 1 }
  const refused = { state: RunState.REFUSED, round: 0 }
  return {
    runId,
    pipeline,
    source,
    createdAt: now,
    updatedAt: now,
    ...(isRefusal(plan)
      ? { ...refused, partitions: 0, failure: plan }
      : { ...planned, partitions: plan.partitions }),
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
