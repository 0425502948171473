/** Many drops become one run, each of them at most once. */
import { createHash } from 'node:crypto'
import { isoTime } from '../../shared/clock.ts'
import type { Drop } from '../../shared/events.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import type { RunObject } from '../../shared/plan/objects.ts'
import type { ObjectRef } from '../../shared/ports.ts'
import { fromItem, recordKeys, type SourceRecord, toItem } from '../../shared/records.ts'
import type { World } from '../../shared/world.ts'
import { ListWriter } from './object-list.ts'
import { planObjects } from './plan-objects.ts'
import { frozenList, register } from './register.ts'
import { earlierLoad } from './sources.ts'
import { inTurns } from './turns.ts'

/**
 * @param place stands for all of them as the source of the run
 * @param given the same ones at every try, whatever has come since
 */
export async function registerDrops(
  world: World<'objects' | 'records' | 'publish'>,
  pipeline: Pipeline,
  { runId, place }: { runId: string; place: ObjectRef },
  given: readonly Drop[],
): Promise<void> {
  const distinct = pipeline.source.skipIdentical ? firstOfEach(given) : given
  const own = await inTurns(distinct, drop => claim(world, pipeline, runId, drop))
  const drops = distinct.filter((_, at) => own[at])
  if (drops.length === 0) return world.log.info('all of these are in other runs', { runId, key: place.key })
  const source = { ...place, ...contentOf(drops) }
  const plan = await frozenList(world, runId, async () => {
    const writer = new ListWriter(world, runId)
    const part = writer.part()
    const objects = drops.map(drop => objectOf(drop, source.bucket))
    await writer.add(part, objects)
    return planObjects(world, runId, pipeline, source, await writer.end([part]))
  })
  await register(world, runId, pipeline.name, { source, identity: '' }, plan)
}

/** @param usual the bucket that need not be said */
function objectOf({ source: { bucket, key, bytes, etag, version } }: Drop, usual: string): RunObject {
  const own = bucket === usual ? {} : { bucket }
  return { ...own, key, bytes, etag, ...(version === undefined ? {} : { version }) }
}

function firstOfEach(drops: readonly Drop[]): Drop[] {
  const seen = new Map(drops.toReversed().map(drop => [`${drop.source.etag} ${drop.source.key}`, drop]))
  return drops.filter(drop => seen.get(`${drop.source.etag} ${drop.source.key}`) === drop)
}

/** The ledger decides, once and for all, which run a drop belongs to. @returns whether it is this one */
async function claim(
  world: World<'records'>,
  { name, source: { skipIdentical } }: Pipeline,
  runId: string,
  drop: Drop,
) {
  const { source, identity } = drop
  const earlier = skipIdentical ? await earlierLoad(world, runId, drop) : undefined
  const own = { runId, pipeline: name, etag: source.etag, bytes: source.bytes }
  const entry: SourceRecord = { ...(earlier ?? own), seenAt: isoTime(world.clock.now()) }
  const key = recordKeys.source(source, identity)
  const outcome = await world.records.put(toItem(key, entry), [{ runId: { absent: true } }])
  const stands = outcome.item === undefined ? entry : fromItem<SourceRecord>(outcome.item)
  if (stands.runId !== runId) return false
  await world.records.put(toItem(recordKeys.content(source, source.etag), stands))
  return true
}

function contentOf(drops: readonly Drop[]): { bytes: number; etag: string } {
  const bytes = drops.reduce((sum, { source }) => sum + source.bytes, 0)
  const identities = drops.map(({ source, identity }) => [source.key, identity])
  const etag = createHash('sha256').update(JSON.stringify(identities)).digest('hex').slice(0, 32)
  return { bytes, etag }
}
