/** Many Avro files as one source: each by its own header, its fields by name. */
import type { RunDocument } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import { describeAvro } from '../../shared/plan/avro.ts'
import type { PlacedObject } from '../../shared/plan/objects.ts'
import { isRefusal } from '../../shared/plan/refusal.ts'
import { typedColumns } from '../../shared/plan/typed.ts'
import { headBytesMax } from '../../shared/plan.ts'
import type { SourceObject } from '../../shared/records.ts'
import { startedAhead } from '../read/ahead.ts'
import { collected, segment } from '../read/bytes.ts'
import { beginsIn, named, objectsIn, refOf, smallBytesMax } from '../read/listed.ts'
import { namingObject, refusedObject } from '../read/object-fault.ts'
import type { Stretch, StretchSource } from '../read/stretch.ts'
import { avroStretch } from './stretch.ts'

interface Opened {
  head: Buffer
  /** Where its first block begins. */
  blocksAt: number
}

/** A stretch for each object of the partition. Errors: BAD_INPUT with the object's key, and those of reading. */
export async function* avroObjects(source: StretchSource): AsyncGenerator<Stretch> {
  const small = (object: PlacedObject) =>
    object.bytes <= smallBytesMax && beginsIn(source, object)
      ? opened(source, refOf(source, object))
      : undefined
  for await (const { item: object, opened: early } of startedAhead(
    objectsIn(source),
    small,
    async () => {},
  )) {
    if (!beginsIn(source, object)) continue
    const ref = refOf(source, object)
    const { head, blocksAt } = await (early ?? opened(source, ref))
    yield wholeObject(source, object, ref, { head, blocksAt })
  }
}

async function opened({ objects, run }: StretchSource, ref: SourceObject): Promise<Opened> {
  const read = ({ start, end }: { start: number; end: number }) =>
    collected(segment(objects, ref, start, end))
  const head = await read({ start: 0, end: Math.min(ref.bytes, headBytesMax) })
  const { source } = run.pipeline
  if (source.format !== 'avro')
    throw new MillraceError('INVARIANT_BROKEN', `${run.runId} reads Avro as ${source.format}`)
  try {
    const described = await describeAvro({ source: ref, head, read })
    if (isRefusal(described)) throw refusedObject(ref, described)
    const fits = typedColumns(source, described.columns, run.columns)
    if (isRefusal(fits)) throw refusedObject(ref, fits)
    return { head, blocksAt: described.header.end }
  } catch (error) {
    throw namingObject(ref, error)
  }
}

function wholeObject(
  source: StretchSource,
  object: PlacedObject,
  ref: SourceObject,
  { head, blocksAt }: Opened,
): Stretch {
  const { base, bytes } = object
  const layout = { ...source.run.layout, skipBytes: blocksAt }
  const run: RunDocument = { ...source.run, source: ref, layout, dataStart: blocksAt, dataEnd: bytes }
  const assignment = { partition: source.assignment.partition, start: blocksAt, end: bytes }
  const { chunks, position, ...stretch } = avroStretch({ ...source, run, assignment, leave: undefined }, head)
  return {
    ...stretch,
    key: object.key,
    chunks,
    position: offset => {
      const place = position(offset)
      return { ...place, at: base + place.at, ...named(ref, object) }
    },
    covers: { start: base, end: base + bytes },
    toObjectEnd: true,
  }
}
