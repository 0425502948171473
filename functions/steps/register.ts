/** A planned source becomes a run: its first round, its entries in the ledger, its record, its first event. */
import { isoTime } from '../../shared/clock.ts'
import { type ObjectList, type RunDocument, stateKeys } from '../../shared/documents.ts'
import { isError } from '../../shared/errors.ts'
import type { Drop } from '../../shared/events.ts'
import { registrationMeasured } from '../../shared/metrics.ts'
import { heldToNodes } from '../../shared/plan/nodes.ts'
import { packedRound } from '../../shared/plan/objects.ts'
import { isRefusal, type Refusal } from '../../shared/plan/refusal.ts'
import { splitRound, splitsFirst } from '../../shared/plan/split.ts'
import { firstRound } from '../../shared/plan.ts'
import { type RunRecord, recordKeys, runIndexes, type SourceRecord, toItem } from '../../shared/records.ts'
import { RunState, Stage } from '../../shared/vocabulary.ts'
import type { World } from '../../shared/world.ts'
import { freeze, readDocument } from './documents.ts'
import { openFirstWork } from './first-round.ts'
import { isTaken, type Owner, ownerOf } from './ledger.ts'
import { pagesOfList } from './object-list.ts'
import { announce, openRound, publishRoundDue } from './rounds.ts'

type Needs = World<'objects' | 'records' | 'publish'>

/** A repeated event: the run is there; its next door may never have been opened. */
export async function reopen(world: World<'publish'>, run: RunRecord): Promise<void> {
  if (run.state === RunState.PLANNED) await publishRoundDue(world, run)
  if (run.state === RunState.REFUSED) await announce(world, run)
}

/** The first plan of a run stays, even if a deploy has changed the pipeline before a repeated event. */
export async function frozen(
  world: World<'objects'>,
  runId: string,
  plan: () => Promise<RunDocument | Refusal>,
): Promise<RunDocument | Refusal> {
  const ref = { bucket: world.config.buckets.state, key: stateKeys.run(runId) }
  try {
    const planned = heldToNodes(await plan())
    return isRefusal(planned) ? planned : await freeze(world.objects, ref, planned)
  } catch (error) {
    const foreseen = ['SOURCE_CHANGED', 'OBJECT_MISSING', 'BAD_INPUT'] as const
    const refused = foreseen.find(code => isError(error, code))
    if (refused === undefined || !isError(error, refused)) throw error
    return { code: error.refusal ?? error.code, words: error.message, remedy: error.remedy ?? '' }
  }
}

/** The same, but where a plan is there already, `plan` is not asked: listing once more may take minutes. */
export async function frozenList(
  world: World<'objects'>,
  runId: string,
  plan: () => Promise<RunDocument | Refusal>,
): Promise<RunDocument | Refusal> {
  const ref = { bucket: world.config.buckets.state, key: stateKeys.run(runId) }
  try {
    return await readDocument<RunDocument>(world.objects, ref)
  } catch (error) {
    if (isError(error, 'OBJECT_MISSING')) return frozen(world, runId, plan)
    throw error
  }
}

/** Does nothing where another run has the drop by now. */
export async function register(
  world: Needs,
  runId: string,
  pipeline: string,
  drop: Drop,
  plan: RunDocument | Refusal,
): Promise<void> {
  const refused = isRefusal(plan)
  if (!refused) await openFirst(world, plan)
  const run = runRecord(runId, pipeline, drop, plan, isoTime(world.clock.now()))
  // Before the run: once that is there, a repeated event looks no further.
  const owner = await enterLedger(world, run, drop)
  if (owner) return world.log.info('another run has this drop', { runId, by: owner.runId })
  const item = toItem(recordKeys.run(runId), run, runIndexes(run))
  const { ok } = await world.records.put(item, [{ state: { absent: true } }])
  if (ok) for (const one of registrationMeasured(run)) world.measure?.(one)
  world.log.info(refused ? 'refused' : 'planned', { runId, partitions: run.partitions, ...run.failure })
  await (refused ? announce(world, run) : publishRoundDue(world, run))
}

async function openFirst(world: World<'objects' | 'records'>, plan: RunDocument): Promise<void> {
  const now = world.clock.now()
  const { runId } = plan
  if (splitsFirst(plan)) await openRound(world, runId, [splitRound(plan)], 1, now, Stage.split)
  else {
    const pages = plan.objects ? packedRound(plan, pagesOfList(world, plan)) : firstRound(plan)
    await openFirstWork(world, plan, pages, 1)
  }
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
    ...(!isRefusal(plan) && plan.objects ? { objects: sizeOf(plan.objects) } : {}),
    ...(isRefusal(plan)
      ? { ...refused, partitions: 0, failure: plan }
      : { ...planned, partitions: plan.partitions, ...(splitsFirst(plan) ? splitting : {}) }),
  }
}

function sizeOf({ objects: count, bytes }: ObjectList): NonNullable<RunRecord['objects']> {
  return { count, bytes }
}

/** The ledger's answer for this version is the run that loaded the very same content. */
export async function enterRepeat(
  world: World<'records'>,
  { source, identity }: Drop,
  earlier: SourceRecord,
): Promise<void> {
  const entry = { ...earlier, seenAt: isoTime(world.clock.now()) }
  const key = recordKeys.source(source, identity)
  await world.records.put(toItem(key, entry), [{ runId: { absent: true } }])
  world.log.info('identical content was loaded before: no run', { runId: earlier.runId, key: source.key })
}

/**
 * The first run to load a version stays its answer for ever; the content points to its latest run.
 * @returns the other run that has the drop
 */
async function enterLedger(
  world: World<'records'>,
  run: RunRecord,
  { source, identity }: Drop,
): Promise<Owner | undefined> {
  const { runId, pipeline, createdAt } = run
  const entry = { runId, pipeline, etag: source.etag, bytes: source.bytes, seenAt: createdAt }
  const key = recordKeys.source(source, identity)
  const { ok } = await world.records.put(toItem(key, entry), [{ runId: { absent: true } }])
  const owner = ok ? undefined : await ownerOf(world, { source, identity })
  if (owner && isTaken(owner, runId)) return owner
  await world.records.put(toItem(recordKeys.content(source, source.etag), entry))
  return undefined
}
