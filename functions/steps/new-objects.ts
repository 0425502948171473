/** What lies below a pipeline's prefix and is in no run: the ledger is asked for the current version of each object. */
import type { Finding } from '../../shared/audit.ts'
import type { Drop } from '../../shared/events.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { pipelineFor, runIdOf } from '../../shared/plan.ts'
import type { ListedObject } from '../../shared/ports.ts'
import { fromItem, recordKeys, type SourceObject, type SourceRecord, toItem } from '../../shared/records.ts'
import { sourceBucket } from '../../shared/source-bucket.ts'
import { type TickRecord, tickKeys } from '../../shared/ticks.ts'
import type { World } from '../../shared/world.ts'
import { ListRuns } from './list-runs.ts'
import { loadRun } from './rounds.ts'
import { inTurns } from './turns.ts'

type Needs = World<'objects' | 'records'>

/** Of one tick: they are frozen in one document. */
export const objectsPerTickMax = 50_000
/** A function ends after four minutes; what was found is yet to be claimed, planned and written. */
const lookMsMax = 90_000
const pagesMax = 1000

export interface NewObjects {
  drops: Drop[]
  /** The first key that was not looked at is behind this one; '' where all were. */
  after: string
  /** Runs that the ledger names and that are not there: whoever entered them has not come to register them. */
  begun: string[]
}

/** In the order of their keys. Where they are too many for one tick, `goOn` tells the next one to go on behind them. */
export async function newObjects(world: Needs, pipeline: Pipeline): Promise<NewObjects> {
  const { found, after, owners } = await look(world, pipeline, await begin(world, pipeline.name))
  const known = await new ListRuns(world, pipeline.name).claim(found)
  const missing = known.filter(({ standing }) => standing === 'missing')
  const unclear = known.filter(({ standing }) => standing === 'unclear').length
  if (unclear > 0) {
    const words = 'an old list may have named them: they are left; load them by name if not'
    world.log.warn(words, { pipeline: pipeline.name, objects: unclear })
  }
  const runs = await inTurns([...owners], runId => loadRun(world, runId))
  const begun = [...owners].filter((_, at) => runs[at] === undefined)
  return { drops: missing.map(({ source }) => ({ source, identity: identityOf(source) })), after, begun }
}

/** Where no versions are kept, the same content under the same key is the same drop. */
function identityOf({ version, etag }: SourceObject): string {
  return version ?? `${etag}+`
}

/** @returns what is a stranger to the ledger; and of the rest, the runs that are of more than one object */
async function look(
  world: Needs,
  pipeline: Pipeline,
  from: string,
): Promise<{ found: Finding[]; after: string; owners: Set<string> }> {
  const { drops } = world.config.buckets
  const bucket = sourceBucket(pipeline, drops)
  const deadline = world.clock.now() + lookMsMax
  const found: Finding[] = []
  const owners = new Set<string>()
  let after = from
  for (let page = 0; page < pagesMax && world.clock.now() < deadline; page++) {
    const { objects, next } = await world.objects.list(bucket, pipeline.source.prefix, after || undefined)
    const own = objects.filter(
      ({ key, bytes }) =>
        !isFolder(key, bytes) && pipelineFor(world.pipelines, { bucket, key }, drops) === pipeline,
    )
    for (const one of await inTurns(own, object => lookUp(world, bucket, object))) {
      if (typeof one === 'string') owners.add(one)
      else if (one !== undefined) found.push(one)
    }
    if (next === undefined) return { found, after: '', owners }
    after = next
    if (found.length > objectsPerTickMax - objectsPerPageMax) break
  }
  return { found, after, owners }
}

/** S3's limit of a page. */
const objectsPerPageMax = 1000

/** What consoles leave where somebody makes a folder. */
function isFolder(key: string, bytes: number): boolean {
  return bytes === 0 && key.endsWith('/')
}

/** @returns the id of the run that has it; `undefined` where that is of it alone, or it has been deleted since */
async function lookUp(
  world: Needs,
  bucket: string,
  { key, modifiedAt }: ListedObject,
): Promise<Finding | string | undefined> {
  const info = await world.objects.head({ bucket, key })
  if (info === undefined) return undefined
  const { bytes, etag, version } = info
  const source = { bucket, key, bytes, etag, ...(version === undefined ? {} : { version }) }
  const entry = await entryOf(world, source)
  if (entry === undefined) return { standing: 'missing', source, modifiedAt }
  const { runId, pipeline } = entry
  return runId === runIdOf(pipeline, source, version ?? '') ? undefined : runId
}

async function entryOf(world: Needs, source: SourceObject): Promise<SourceRecord | undefined> {
  if (source.version !== undefined) {
    const item = await world.records.get(recordKeys.source(source, source.version))
    return item && fromItem<SourceRecord>(item)
  }
  const { pk, sk } = recordKeys.source(source, '')
  const { items } = await world.records.query({ pk, skPrefix: sk, newestFirst: true })
  return items.map(item => fromItem<SourceRecord>(item)).find(({ etag }) => etag === source.etag)
}

async function begin(world: World<'records'>, pipeline: string): Promise<string> {
  const item = await world.records.get(tickKeys.now(pipeline))
  return item === undefined ? '' : fromItem<TickRecord>(item).after
}

/** Call it once the tick has what it found. */
export async function goOn(world: World<'records'>, pipeline: string, after: string): Promise<void> {
  if (after !== '')
    world.log.warn('too many objects for one tick: the next one goes on behind', { pipeline, after })
  else if ((await begin(world, pipeline)) === '') return
  await world.records.put(toItem(tickKeys.now(pipeline), { after } satisfies TickRecord))
}
