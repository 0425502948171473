/** `millrace load`: many objects that are already in S3 become one run. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { listManifest } from '../functions/steps/manifest.ts'
import { isoTime } from '../shared/clock.ts'
import { MillraceError } from '../shared/errors.ts'
import { type ManifestDocument, prefixPlace } from '../shared/manifest.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import { isRefusal } from '../shared/plan/refusal.ts'
import { cutsOf } from '../shared/plan.ts'
import type { Objects } from '../shared/ports.ts'
import { manifestsPrefix } from '../shared/reserved.ts'
import type { World } from '../shared/world.ts'
import { awaitRuns, choosePipeline, putDrop, refuseStale, sayDropped } from './drop.ts'
import type { GlobalOptions } from './options.ts'
import { openStage } from './stage.ts'
import { bytesText, countText, tableText } from './words.ts'

const manifestBytesMax = 1024 ** 3

export interface LoadOptions extends GlobalOptions {
  pipeline: string
  keys: string[]
  prefix?: string
  manifest?: string
  include: string[]
  exclude: string[]
  partitionBytes?: number
  dryRun: boolean
  wait: boolean
}

/** @returns the exit code: 0 unless an awaited run did not succeed. Errors: CONFIG_INVALID, NOT_FOUND. */
export async function loadObjects(options: LoadOptions): Promise<number> {
  const { name, body } = manifestOf(options)
  const opened = await openStage(options, options.dryRun ? 'look' : 'work')
  try {
    const { world, running, stack } = opened
    const pipeline = choosePipeline(world.pipelines, options.pipeline)
    if (options.dryRun) return await sayCounts(world, pipeline, { name, body }, options)
    if (running) refuseStale(running, world.pipelines, pipeline.name)
    const key = `${manifestsPrefix}${pipeline.name}/${isoTime(world.clock.now())}-${name}`
    const ref = { bucket: world.config.buckets.drops, key }
    const dropped = await putDrop(world, pipeline, ref, body, options.partitionBytes)
    if (options.wait || stack !== undefined) return (await awaitRuns(opened, [dropped], options)) ? 0 : 1
    sayDropped(dropped, options)
    return 0
  } finally {
    await opened.close()
  }
}

interface Manifest {
  name: string
  body: Buffer
}

function manifestOf({ keys, prefix, manifest, include, exclude }: LoadOptions): Manifest {
  const filtered = include.length + exclude.length > 0
  if (manifest === undefined) {
    if (keys.length === 0 && prefix === undefined) throw nothingToLoad('Nothing to load')
    const objects = keys.map(objectOf)
    const document: ManifestDocument = {
      ...(prefix === undefined ? {} : { prefix }),
      objects,
      include,
      exclude,
    }
    return { name: 'load.json', body: Buffer.from(JSON.stringify(document)) }
  }
  if (keys.length > 0 || prefix !== undefined || filtered) {
    throw nothingToLoad('A manifest says by itself what is to be loaded')
  }
  if (!existsSync(manifest) || statSync(manifest).size > manifestBytesMax) {
    const remedy = `Give the path of a file of at most ${bytesText(manifestBytesMax)}.`
    throw new MillraceError('NOT_FOUND', `No manifest ${manifest}`, { remedy })
  }
  return { name: basename(manifest), body: readFileSync(manifest) }
}

function objectOf(key: string): ManifestDocument['objects'][number] {
  const { bucket, prefix } = prefixPlace(key)
  return { key: prefix, ...(bucket === undefined ? {} : { bucket }) }
}

function nothingToLoad(words: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', words, {
    remedy: 'Give keys or --prefix (with --include and --exclude), or --manifest by itself.',
  })
}

async function sayCounts(
  world: World,
  pipeline: Pipeline,
  manifest: Manifest,
  options: LoadOptions,
): Promise<number> {
  const key = `${manifestsPrefix}${pipeline.name}/${manifest.name}`
  const { bucket, objects } = { bucket: world.config.buckets.drops, objects: world.objects }
  const looking = { ...world, objects: withoutWrites(objects, key, manifest.body) }
  const source = { bucket, key, bytes: manifest.body.length, etag: '' }
  const { list } = (await listManifest(looking, 'dry-run', source, pipeline.source.bucket)) ?? {
    list: { objects: 0, bytes: 0 },
  }
  const cuts = cutsOf(list.bytes, options.partitionBytes ?? pipeline.split.partitionBytes)
  const counts = { objects: list.objects, bytes: list.bytes, ...(isRefusal(cuts) ? { refused: cuts } : cuts) }
  if (options.json) process.stdout.write(`${JSON.stringify(counts)}\n`)
  else process.stdout.write(countsText(list, isRefusal(cuts) ? cuts.words : partitionsText(cuts)))
  return isRefusal(cuts) || list.objects === 0 ? 1 : 0
}

/** The manifest is read as if it were dropped, and nothing is written. */
function withoutWrites(objects: Objects, manifestKey: string, body: Buffer): Objects {
  return {
    head: (ref, version) => objects.head(ref, version),
    list: (bucket, prefix, after) => objects.list(bucket, prefix, after),
    read: async (ref, range) => (ref.key === manifestKey ? Readable.from([body]) : objects.read(ref, range)),
    write: async () => ({ bytes: 0, etag: '', metadata: {} }),
    remove: async () => {},
  }
}

function partitionsText(cuts: { partitions: number; partitionBytes: number }): string {
  return `about ${countText(cuts.partitions)} of ${bytesText(cuts.partitionBytes)}`
}

function countsText(list: { objects: number; bytes: number }, partitions: string): string {
  const rows = [
    ['objects', countText(list.objects)],
    ['size', bytesText(list.bytes)],
    ['partitions', partitions],
  ]
  return `${tableText(rows)}\n`
}
