/** Every object below a pipeline's prefix, held against the ledger, in bounded memory. */
import { ListRuns } from '../../functions/steps/list-runs.ts'
import { loadRun } from '../../functions/steps/rounds.ts'
import { inTurns } from '../../functions/steps/turns.ts'
import { count, emptyTally, type Finding, standingOf, type Tally } from '../../shared/audit.ts'
import { epochMs } from '../../shared/clock.ts'
import { manifestPipeline } from '../../shared/manifest.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import { pipelineFor, runIdOf } from '../../shared/plan.ts'
import type { ListedObject } from '../../shared/ports.ts'
import {
  fromItem,
  type RunRecord,
  recordKeys,
  type SourceObject,
  type SourceRecord,
} from '../../shared/records.ts'
import { manifestsPrefix } from '../../shared/reserved.ts'
import { sourceBucket } from '../../shared/source-bucket.ts'
import { waitsForTick } from '../../shared/ticks.ts'
import type { World } from '../../shared/world.ts'
import { waitingInGroups } from './groups.ts'

/** Younger than this, an object's event is under way rather than lost. */
export const arrivingMsMax = 5 * 60 * 1000
/** Objects without an entry that are held in memory, to be looked for in the lists of runs all at once. */
const strangersMax = 100_000

export interface AuditOptions {
  /** Epoch ms: only objects whose current version is no older. */
  since?: number
  /** Called with some findings at a time, every object once. */
  take: (findings: readonly Finding[]) => Promise<void>
}

/** Looks and writes nothing. Errors: those of listing and of reading records and documents. */
export async function auditObjects(world: World, pipeline: Pipeline, options: AuditOptions): Promise<Tally> {
  const tally = emptyTally()
  const tell = async (findings: readonly Finding[]): Promise<void> => {
    for (const finding of findings) count(tally, finding)
    await options.take(findings)
  }
  const lists = new ListRuns(world, pipeline.name)
  let strangers: Finding[] = []
  for await (const objects of pagesOf(world, pipeline, options.since ?? 0)) {
    const findings = await lookUp(world, pipeline, objects)
    await tell(findings.filter(({ standing }) => standing !== 'missing'))
    strangers.push(...findings.filter(({ standing }) => standing === 'missing'))
    if (strangers.length < strangersMax) continue
    await tell(await lists.claim(strangers))
    strangers = []
  }
  await tell(await lists.claim(strangers))
  return tally
}

interface Place {
  bucket: string
  prefix: string
}
type Placed = ListedObject & Pick<Place, 'bucket'>

/** What the pipeline takes: below its prefix, but for a longer prefix of another one; and its manifests. */
async function* pagesOf(world: World, pipeline: Pipeline, since: number): AsyncGenerator<Placed[]> {
  const { pipelines } = world
  const { drops } = world.config.buckets
  const bucket = sourceBucket(pipeline, drops)
  const isOwn = (key: string): boolean => pipelineFor(pipelines, { bucket, key }, drops) === pipeline
  const own = { bucket, prefix: pipeline.source.prefix }
  yield* pagesBelow(world, own, ({ key, modifiedAt }) => modifiedAt >= since && isOwn(key))
  const isManifest = (key: string): boolean => manifestPipeline(pipelines, key) === pipeline
  const manifests = { bucket: drops, prefix: `${manifestsPrefix}${pipeline.name}/` }
  yield* pagesBelow(world, manifests, ({ key, modifiedAt }) => modifiedAt >= since && isManifest(key))
}

async function* pagesBelow(
  { objects }: World,
  { bucket, prefix }: Place,
  wanted: (object: ListedObject) => boolean,
): AsyncGenerator<Placed[]> {
  let after: string | undefined
  do {
    const page = await objects.list(bucket, prefix, after)
    yield page.objects.filter(wanted).map(object => ({ ...object, bucket }))
    after = page.next
  } while (after !== undefined)
}

type Runs = Map<string, Promise<RunRecord | undefined>>

async function lookUp(world: World, pipeline: Pipeline, objects: readonly Placed[]): Promise<Finding[]> {
  const runs: Runs = new Map()
  const found = (await inTurns(objects, object => findingOf(world, object, runs))).flatMap(one => one ?? [])
  if (found.every(({ standing }) => standing !== 'missing')) return found
  const waits = await waitingOf(world, pipeline)
  return found.map(finding =>
    finding.standing === 'missing' && waits(finding) ? { ...finding, standing: 'underWay' } : finding,
  )
}

/** Of what nobody has: does it wait for its group, or for the next tick? */
async function waitingOf(world: World, pipeline: Pipeline): Promise<(finding: Finding) => boolean> {
  if (pipeline.source.group) {
    const waiting = await waitingInGroups(world, pipeline.name)
    return ({ source }) => waiting.has(source)
  }
  const now = world.clock.now() - arrivingMsMax
  return ({ modifiedAt }) => waitsForTick(pipeline, modifiedAt, now)
}

/** @returns `undefined` where the object has been deleted since it was listed */
async function findingOf(
  world: World,
  { bucket, key, modifiedAt }: Placed,
  runs: Runs,
): Promise<Finding | undefined> {
  const info = await world.objects.head({ bucket, key })
  if (info === undefined) return undefined
  const { bytes, etag, version } = info
  const source = { bucket, key, bytes, etag, ...(version === undefined ? {} : { version }) }
  const arriving = world.clock.now() - modifiedAt < arrivingMsMax
  const nobody: Finding = { standing: arriving ? 'underWay' : 'missing', source, modifiedAt }
  const entry = await entryOf(world, source)
  if (entry === undefined) return nobody
  const run = await cached(runs, entry.runId, () => loadRun(world, entry.runId))
  if (run) return { ...nobody, standing: standingOf(run.state), runId: run.runId, state: run.state }
  return { ...nobody, standing: isUnderWay(world, source, entry) ? 'underWay' : 'missing' }
}

/** Entered, but its run is not there: a group's comes for sure, that of one object only with its event. */
function isUnderWay(world: World, source: SourceObject, { runId, pipeline, seenAt }: SourceRecord): boolean {
  const alone = source.version !== undefined && runId === runIdOf(pipeline, source, source.version)
  return !alone || world.clock.now() - epochMs(seenAt) < arrivingMsMax
}

/** Of the current version; where none are kept, of the current content. */
async function entryOf(world: World, source: SourceObject): Promise<SourceRecord | undefined> {
  if (source.version !== undefined) {
    const item = await world.records.get(recordKeys.source(source, source.version))
    return item && fromItem<SourceRecord>(item)
  }
  const { pk } = recordKeys.source(source, '')
  const query = { pk, skPrefix: recordKeys.source(source, '').sk, newestFirst: true }
  const { items } = await world.records.query(query)
  return items.map(item => fromItem<SourceRecord>(item)).find(({ etag }) => etag === source.etag)
}

function cached<Value>(
  known: Map<string, Promise<Value>>,
  name: string,
  load: () => Promise<Value>,
): Promise<Value> {
  const found = known.get(name) ?? load()
  known.set(name, found)
  return found
}
