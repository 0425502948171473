/** The stretches of a run over many objects: each object from its own beginning, behind a header of its own. */
import type { Assignment, Position } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { ObjectIndex, ObjectPage, PlacedObject } from '../../shared/plan/objects.ts'
import { objectKeys, placedObjects } from '../../shared/plan/objects.ts'
import type { SourceObject } from '../../shared/records.ts'
import { fetchJson } from '../assignment.ts'
import { bytesFrom } from './bytes.ts'
import { type OpenedObject, openObject } from './object-head.ts'
import { flatStretch, type Stretch, type StretchSource } from './stretch.ts'

/** Small objects are asked for while those before them are read: the request takes longer than the bytes. */
const objectsAhead = 16
const smallBytesMax = 64 * 1024

/** Whole objects where the partition has them whole, else its range of the one object that it lies in. */
export async function* objectStretches(source: StretchSource): AsyncGenerator<Stretch> {
  for await (const { object, opened } of startedAhead(source)) {
    if (isWhole(source, object)) yield* wholeObject(source, object, opened ?? openWhole(source, object))
    else yield* pieceOf(source, object)
  }
}

interface Started {
  object: PlacedObject
  /** Absent: it is large, and opened when its turn comes. */
  opened?: Promise<OpenedObject>
}

async function* startedAhead(source: StretchSource): AsyncGenerator<Started> {
  const waiting: Started[] = []
  try {
    for await (const object of objectsIn(source)) {
      waiting.push(started(source, object))
      if (waiting.length > objectsAhead) yield* waiting.splice(0, 1)
    }
    while (waiting.length > 0) yield* waiting.splice(0, 1)
  } finally {
    for (const { opened } of waiting) await opened?.then(one => one.close()).catch(() => undefined)
  }
}

function started(source: StretchSource, object: PlacedObject): Started {
  if (object.bytes > smallBytesMax || !isWhole(source, object)) return { object }
  const opened = openWhole(source, object)
  // Until its turn comes, nobody listens.
  opened.catch(() => undefined)
  return { object, opened }
}

function openWhole(source: StretchSource, object: PlacedObject): Promise<OpenedObject> {
  const ref = refOf(source, object)
  return openObject(source.run, ref, bytesFrom(source.objects, ref, 0, object.bytes))
}

function isWhole({ assignment }: StretchSource, { base, bytes }: PlacedObject): boolean {
  return assignment.start <= base && base + bytes <= assignment.end
}

/** The objects of the partition that hold anything, in order, page by page. Errors: MALFORMED where the list is another. */
async function* objectsIn({ objects, run, assignment }: StretchSource): AsyncGenerator<PlacedObject> {
  const list = run.objects
  if (list === undefined) throw new MillraceError('MALFORMED', `The run ${run.runId} has no list of objects`)
  const index = await fetchJson<ObjectIndex>(objects, list.bucket, objectKeys.index(run.runId, list.listing))
  let base = 0
  let item = 0
  for (const { page, bytes, objects: count } of index.pages) {
    if (base < assignment.end && base + bytes > assignment.start) {
      const key = objectKeys.page(run.runId, list.listing, page)
      const placed = placedObjects(await fetchJson<ObjectPage>(objects, list.bucket, key), item, base)
      yield* placed.filter(
        one => one.bytes > 0 && one.base < assignment.end && one.base + one.bytes > assignment.start,
      )
    }
    base += bytes
    item += count
  }
}

async function* wholeObject(
  source: StretchSource,
  object: PlacedObject,
  opening: Promise<OpenedObject>,
): AsyncGenerator<Stretch> {
  const ref = refOf(source, object)
  const opened = await opening
  const { from, format, compressed } = opened
  const position = (at: number): Position => ({
    at: object.base + (compressed ? 0 : at),
    ...(compressed && at > 0 ? { within: at } : {}),
    ...named(ref, object),
  })
  try {
    yield {
      from,
      first: from,
      start: from,
      end: () => Number.POSITIVE_INFINITY,
      chunks: () => opened.chunks(),
      position,
      covers: { start: object.base, end: object.base + object.bytes },
      guessed: false,
      ...(format ? { format } : {}),
    }
  } finally {
    await opened.close()
  }
}

/** A range of an object that is too large for one partition, in offsets of that object. */
async function* pieceOf(source: StretchSource, object: PlacedObject): AsyncGenerator<Stretch> {
  const { objects, run, assignment } = source
  const ref = refOf(source, object)
  const opened = await openObject(run, ref, bytesFrom(objects, ref, 0, 0), { isCut: true })
  await opened.close()
  const own = { ...run, source: ref, dataStart: opened.from, dataEnd: object.bytes }
  const flat = flatStretch({ ...source, run: own, assignment: inObject(assignment, object, opened.from) })
  const { base } = object
  const position = (at: number): Position => ({ at: base + at, ...named(ref, object) })
  // What is before the first record belongs to the partition in which the object begins.
  if (assignment.start === base && opened.from > 0) yield header(base, opened.from, position)
  yield { ...flat, position, ...(opened.format ? { format: opened.format } : {}) }
}

async function* nothing(): AsyncGenerator<Buffer> {}

/** Byte order mark and header: covered, not read. */
function header(base: number, bytes: number, position: Stretch['position']): Stretch {
  const covers = { start: base, end: base + bytes }
  return { from: 0, first: 0, start: 0, end: () => 0, chunks: nothing, position, covers, guessed: false }
}

function inObject(assignment: Assignment, { base }: PlacedObject, dataStart: number): Assignment {
  const { partition, start, end, exactStart, scanFrom } = assignment
  return {
    partition,
    start: Math.max(0, start - base),
    end: end - base,
    ...(exactStart === undefined ? {} : { exactStart: Math.max(dataStart, exactStart - base) }),
    // Nothing need be read of the objects before: this one begins at a record.
    ...(scanFrom === undefined ? {} : { scanFrom: Math.max(dataStart, scanFrom - base) }),
  }
}

function refOf({ run }: StretchSource, { bucket, key, bytes, etag, version }: PlacedObject): SourceObject {
  const identity = { etag, ...(version === undefined ? {} : { version }) }
  return { bucket: bucket ?? run.source.bucket, key, bytes, ...identity }
}

function named({ bucket, key, version }: SourceObject, { base, item }: PlacedObject) {
  return { item, object: { bucket, key, base, ...(version === undefined ? {} : { version }) } }
}
