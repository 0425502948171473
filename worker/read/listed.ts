/** The objects of a run's list that a partition takes. */
import type { Assignment, Position } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { ObjectIndex, ObjectPage, PlacedObject } from '../../shared/plan/objects.ts'
import { isCuttable, objectKeys, placedObjects } from '../../shared/plan/objects.ts'
import type { SourceObject } from '../../shared/records.ts'
import { fetchJson } from '../assignment.ts'
import type { StretchSource } from './stretch.ts'

/** Larger ones wait for their turn. */
export const smallBytesMax = 64 * 1024

/** The objects of the partition that hold anything, in order, page by page. Errors: MALFORMED where the list is another. */
export async function* objectsIn({
  objects,
  run,
  assignment,
}: Pick<StretchSource, 'objects' | 'run' | 'assignment'>): AsyncGenerator<PlacedObject> {
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

/** Does the partition own an object that cannot be cut? */
export function beginsIn({ assignment }: Pick<StretchSource, 'assignment'>, { base }: PlacedObject): boolean {
  return assignment.start <= base && base < assignment.end
}

/** Of a partition that others left behind, which may start in the middle of an object: where that one begins. */
export async function placedStart(
  source: Pick<StretchSource, 'objects' | 'run' | 'assignment'>,
): Promise<Assignment> {
  const { run, assignment } = source
  const { objectStart, partition, start } = assignment
  const isPlanned = partition < run.partitions
  if (run.layout.space !== 'objects' || isPlanned || objectStart !== undefined) return assignment
  const there = { ...source, assignment: { ...assignment, end: start + 1 } }
  for await (const object of objectsIn(there)) {
    if (object.base < start && isCuttable(run, object)) return { ...assignment, objectStart: object.base }
  }
  return assignment
}

/** As the list pins it. */
export function refOf(
  { run }: Pick<StretchSource, 'run'>,
  { bucket, key, bytes, etag, version }: PlacedObject,
): SourceObject {
  const identity = { etag, ...(version === undefined ? {} : { version }) }
  return { bucket: bucket ?? run.source.bucket, key, bytes, ...identity }
}

/** What a place in it is called by. */
export function named(
  { bucket, key, version }: SourceObject,
  { base, item }: PlacedObject,
): Pick<Position, 'item' | 'object'> {
  return { item, object: { bucket, key, base, ...(version === undefined ? {} : { version }) } }
}
