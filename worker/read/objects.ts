/** The stretches of a run over many objects: each object from its own beginning, behind a header of its own. */
import type { Assignment, Position } from '../../shared/documents.ts'
import { isCuttable, isPlannedInPieces, type PlacedObject } from '../../shared/plan/objects.ts'
import { startedAhead } from './ahead.ts'
import { bytesFrom } from './bytes.ts'
import { beginsIn, named, objectsIn, refOf, smallBytesMax } from './listed.ts'
import { type OpenedObject, openObject } from './object-head.ts'
import { flatStretch, type Stretch, type StretchSource } from './stretch.ts'

/** Whole objects where the partition has them whole, else its range of the one object that it lies in. */
export async function* objectStretches(source: StretchSource): AsyncGenerator<Stretch> {
  const small = (object: PlacedObject) =>
    object.bytes <= smallBytesMax && isWhole(source, object) ? openWhole(source, object) : undefined
  const started = startedAhead(objectsIn(source), small, opened => opened.close())
  for await (const { item: object, opened } of started) {
    if (isWhole(source, object)) yield* wholeObject(source, object, opened ?? openWhole(source, object))
    else if (isCuttable(source.run, object)) yield* pieceOf(source, object)
    else yield* ownObject(source, object)
  }
}

/** One that cannot be cut belongs to the partition in which it begins. */
async function* ownObject(source: StretchSource, object: PlacedObject): AsyncGenerator<Stretch> {
  if (beginsIn(source, object)) yield* wholeObject(source, object, openWhole(source, object))
}

function openWhole(source: StretchSource, object: PlacedObject): Promise<OpenedObject> {
  const ref = refOf(source, object)
  return openObject(source.run, ref, bytesFrom(source.objects, ref, 0, object.bytes))
}

function isWhole({ assignment }: StretchSource, { base, bytes }: PlacedObject): boolean {
  return assignment.start <= base && base + bytes <= assignment.end
}

async function* wholeObject(
  source: StretchSource,
  object: PlacedObject,
  opening: Promise<OpenedObject>,
): AsyncGenerator<Stretch> {
  const ref = refOf(source, object)
  const opened = await opening
  const { from, skipLines, format, compressed } = opened
  const indivisible = compressed || !isCuttable(source.run, object)
  const position = (at: number): Position => ({
    at: object.base + (compressed ? 0 : at),
    ...(compressed && at > 0 ? { within: at } : {}),
    ...named(ref, object),
  })
  try {
    yield {
      key: object.key,
      skipLines,
      from,
      first: from,
      start: from,
      end: () => Number.POSITIVE_INFINITY,
      chunks: () => opened.chunks(),
      position,
      covers: { start: object.base, end: object.base + object.bytes },
      toObjectEnd: true,
      ...(indivisible ? { indivisible } : {}),
      guessed: false,
      ...(format ? { format } : {}),
    }
  } finally {
    await opened.close()
  }
}

/** A range of an object that is not taken whole, in offsets of that object. */
async function* pieceOf(source: StretchSource, object: PlacedObject): AsyncGenerator<Stretch> {
  const { objects, run, assignment } = source
  const ref = refOf(source, object)
  const opened = await openObject(run, ref, bytesFrom(objects, ref, 0, 0), {
    isCut: isPlannedInPieces(run, object),
  })
  await opened.close()
  if (opened.compressed) return yield* ownObject(source, object)
  const own = { ...run, source: ref, dataStart: opened.from, dataEnd: object.bytes }
  const flat = flatStretch({ ...source, run: own, assignment: inObject(assignment, object, opened.from) })
  const { base } = object
  const position = (at: number): Position => ({ at: base + at, ...named(ref, object) })
  // What is before the first record belongs to the partition in which the object begins.
  if (assignment.start <= base && opened.from > 0) yield header(base, opened.from, position)
  const { skipLines, format } = opened
  yield { ...flat, key: object.key, skipLines, position, ...(format ? { format } : {}) }
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
