/** From a dropped manifest to the list of a run's objects. */
import type { ObjectList } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import {
  entryOfLine,
  type Inventory,
  inventoryColumns,
  inventoryEntry,
  keyFilter,
  type ManifestDocument,
  type ManifestEntry,
  manifestKind,
  parseManifest,
  prefixPlace,
} from '../../shared/manifest.ts'
import type { RunObject } from '../../shared/plan/objects.ts'
import type { ListedObject, ObjectRef } from '../../shared/ports.ts'
import type { SourceObject } from '../../shared/records.ts'
import { manifestsPrefix } from '../../shared/reserved.ts'
import type { World } from '../../shared/world.ts'
import { listPrefix, listTooLong } from './listing.ts'
import { documentText, firstBytes, linesOf, textStream } from './manifest-text.ts'
import { type ListPart, ListWriter } from './object-list.ts'
import { readingOf } from './strange-buckets.ts'

/** What one planning may list, in keys and in time: a function ends after four minutes. */
const keysMax = 5_000_000
const listMsMax = 180_000
/** Objects of which only the key is said are asked for one by one. */
const headsMax = 100_000
const headsAtOnce = 32

/** What listing needs to know. */
interface Reading {
  world: World<'objects'>
  manifest: SourceObject
  /** Of what is named without one. */
  bucket: string
  writer: ListWriter
  deadline: number
  heads: number
}

/**
 * Writes the list of all objects that the manifest names. `undefined`: there is none.
 * @param bucket of objects that are named without one; default: the manifest's
 * Errors: BAD_INPUT with a refusal's code, OBJECT_MISSING, SOURCE_CHANGED, and those of reading and writing.
 */
export async function listManifest(
  world: World<'objects'>,
  runId: string,
  manifest: SourceObject,
  bucket = manifest.bucket,
): Promise<{ list: ObjectList; first: RunObject } | undefined> {
  const writer = new ListWriter(world, runId)
  const reading = { world, manifest, bucket, writer, deadline: world.clock.now() + listMsMax, heads: 0 }
  const head = await firstBytes(world, manifest)
  if (manifestKind(head) === 'lines') {
    const part = writer.part()
    await addEntries(reading, part, lineEntries(world, manifest, entryOfLine))
    return writer.end([part])
  }
  const parsed = parseManifest(await documentText(world, manifest))
  const parts =
    'document' in parsed ? ofDocument(reading, parsed.document) : ofInventory(reading, parsed.inventory)
  return writer.end(await parts)
}

async function ofDocument(reading: Reading, document: ManifestDocument): Promise<ListPart[]> {
  const wanted = keyFilter(document)
  const listed = document.prefix === undefined ? [] : await ofPrefix(reading, document.prefix, wanted)
  const named = reading.writer.part()
  await addEntries(reading, named, document.objects.filter(({ key }) => wanted(key)).map(entryOf))
  return [...listed, named]
}

function entryOf({ bucket, key, version }: ManifestDocument['objects'][number]): ManifestEntry {
  return { key, ...(bucket === undefined ? {} : { bucket }), ...(version === undefined ? {} : { version }) }
}

async function ofPrefix(
  { world, manifest, bucket: usual, writer, deadline }: Reading,
  text: string,
  wanted: (key: string) => boolean,
): Promise<ListPart[]> {
  const { prefix, bucket = usual } = prefixPlace(text)
  refuseState(world, bucket)
  const own = bucket === manifest.bucket ? {} : { bucket }
  const listing = {
    objects: world.objects,
    bucket,
    prefix,
    open: () => writer.part(),
    take: (part: ListPart, objects: readonly ListedObject[]) => {
      const isManifest = (key: string): boolean =>
        bucket === world.config.buckets.drops && key.startsWith(manifestsPrefix)
      const kept = objects.filter(({ key }) => wanted(key) && !isManifest(key))
      return writer.add(
        part,
        kept.map(({ key, bytes, etag }) => ({ ...own, key, bytes, etag })),
      )
    },
    check: (keys: number) => checkBounds(world, keys, deadline),
  }
  return readingOf(world, bucket, () => listPrefix(listing))
}

/** Functions and workers may read it, those who drop manifests may not: it holds what other runs have read. */
function refuseState({ config }: Pick<World, 'config'>, bucket: string): void {
  if (bucket !== config.buckets.state) return
  throw new MillraceError('BAD_INPUT', `the manifest names objects of ${bucket}, Millrace's own bucket`, {
    refusal: 'BUCKET_NOT_ALLOWED',
    remedy: 'Name objects of other buckets.',
  })
}

function checkBounds(world: Pick<World, 'clock'>, keys: number, deadline: number): void {
  if (keys > keysMax) throw listTooLong(`there are more than ${keysMax} keys`)
  if (world.clock.now() > deadline)
    throw listTooLong(`after ${listMsMax / 1000} seconds only ${keys} keys were listed`)
}

async function ofInventory(reading: Reading, inventory: Inventory): Promise<ListPart[]> {
  const part = reading.writer.part()
  const schema = inventoryColumns(inventory.fileSchema)
  const bucket = inventory.destinationBucket.replace(/^arn:[^:]*:s3:::/, '')
  for (const { key } of inventory.files) {
    const lines = lineEntries(reading.world, { bucket, key }, line => inventoryEntry(line, schema))
    await addEntries(reading, part, lines)
  }
  return [part]
}

async function addEntries(
  reading: Reading,
  part: ListPart,
  entries: AsyncIterable<ManifestEntry> | Iterable<ManifestEntry>,
): Promise<void> {
  let waiting: ManifestEntry[] = []
  for await (const entry of entries) {
    waiting.push(entry)
    if (waiting.length < headsAtOnce) continue
    await addSome(reading, part, waiting)
    waiting = []
  }
  await addSome(reading, part, waiting)
}

async function addSome(reading: Reading, part: ListPart, entries: readonly ManifestEntry[]): Promise<void> {
  const { writer, world, deadline } = reading
  checkBounds(world, writer.objects + entries.length, deadline)
  await writer.add(part, await Promise.all(entries.map(entry => objectOf(reading, entry))))
}

async function objectOf(reading: Reading, entry: ManifestEntry): Promise<RunObject> {
  const { bucket = reading.bucket, key, version, bytes, etag } = entry
  refuseState(reading.world, bucket)
  const own = bucket === reading.manifest.bucket ? {} : { bucket }
  if (bytes !== undefined && etag !== undefined) return { ...own, ...entry, key, bytes, etag }
  if (++reading.heads > headsMax)
    throw listTooLong(`over ${headsMax} objects are named without size and ETag`)
  const { objects } = reading.world
  const info = await readingOf(reading.world, bucket, () => objects.head({ bucket, key }, version))
  if (info === undefined) {
    throw new MillraceError(
      'OBJECT_MISSING',
      `the manifest names s3://${bucket}/${key}, which is not there`,
      {
        remedy: 'Correct the manifest, and drop it again.',
      },
    )
  }
  const versioned = info.version === undefined ? {} : { version: info.version }
  return { ...own, key, bytes: info.bytes, etag: info.etag, ...versioned }
}

async function* lineEntries(
  world: World<'objects'>,
  ref: ObjectRef & Partial<SourceObject>,
  parse: (line: string, number: number) => ManifestEntry | undefined,
): AsyncGenerator<ManifestEntry> {
  let number = 0
  for await (const line of linesOf(await textStream(world, ref))) {
    const entry = parse(line, ++number)
    if (entry) yield entry
  }
}
