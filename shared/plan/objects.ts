/** Many objects as one source: laid end to end in the order of a list, and packed into partitions. Pure. */
import type { Assignment, AssignmentPage, ObjectList, RunDocument } from '../documents.ts'
import type { Format } from '../layout.ts'
import type { ByteRange } from '../ports.ts'
import { padded, partitionsPerPage, type SourceObject } from '../records.ts'

/** One object of a run's list. */
export interface RunObject extends Omit<SourceObject, 'bucket'> {
  /** Absent: that of the run's source. */
  bucket?: string
}

/** `runs/<runId>/objects/<listing>/00000007.json` */
export interface ObjectPage {
  objects: RunObject[]
}

/** A page among the others of its list. */
export interface PagePlace {
  page: number
  objects: number
  bytes: number
}

/** `runs/<runId>/objects/<listing>/index.json`: the pages in the order of the list. */
export interface ObjectIndex {
  pages: PagePlace[]
}

/** An object where it lies in the run's space. */
export interface PlacedObject extends RunObject {
  /** Position in the list, from 0. */
  item: number
  /** Bytes of all objects before it. */
  base: number
}

/** @param item of the page's first object in the list */
export function placedObjects({ objects }: ObjectPage, item: number, base: number): PlacedObject[] {
  let next = base
  return objects.map((object, at) => {
    const placed = { ...object, item: item + at, base: next }
    next += object.bytes
    return placed
  })
}

export const objectsPerPage = 10_000
/** A worker opens every object with a request of its own: more of them would take longer than the bytes. */
export const objectsPerPartitionMax = 10_000

export const objectKeys = {
  page: (runId: string, listing: string, page: number): string =>
    `runs/${runId}/objects/${listing}/${padded(page, 8)}.json`,
  index: (runId: string, listing: string): string => `runs/${runId}/objects/${listing}/index.json`,
}

/** The run of a whole list, from the plan of its first object that holds anything. */
export function planOfList(
  first: RunDocument,
  source: SourceObject,
  objects: ObjectList,
  cuts: Pick<RunDocument, 'partitionBytes' | 'partitions'>,
): RunDocument {
  const layout = { ...first.layout, space: 'objects' as const }
  return { ...first, source, layout, objects, dataStart: 0, dataEnd: objects.bytes, ...cuts }
}

/** Names by which compressed objects go: with these, an object is never cut. */
const compressedName = /\.(gz|gzip|bgz|zst|zstd)$/i

/** Their objects are taken whole, however large. */
const wholeFormats: readonly Format[] = ['json', 'parquet', 'avro']

/** May ranges of the object be read by themselves? */
export function isCuttable({ layout, pipeline: { source } }: RunDocument, { key }: RunObject): boolean {
  if (layout.compression !== 'none' || wholeFormats.includes(source.format)) return false
  if (source.format === 'fixed' && source.recordBytes !== undefined) return false
  return source.compression === 'none' || !compressedName.test(key)
}

/** Does planning cut it, being too large for one partition? */
export function isPlannedInPieces(run: RunDocument, object: RunObject): boolean {
  return object.bytes > evenBytes(run.partitionBytes) && isCuttable(run, object)
}

/** So that no cut parts the bytes of a UTF-16 character. */
const evenBytes = (bytes: number): number => bytes + (bytes % 2)

/**
 * Consecutive objects become partitions of equal bytes, each within one object's size of it; an object larger than
 * `targetBytes` that can be cut becomes partitions of its own. Give every object in order, then call `end`.
 */
export class Packing {
  readonly #targetBytes: number
  readonly #isCuttable: (object: RunObject) => boolean
  #open: (ByteRange & { objects: number; slot: number }) | undefined
  #partition = 0

  /** @param targetBytes 1 or more */
  constructor(targetBytes: number, isCuttableObject: (object: RunObject) => boolean) {
    this.#targetBytes = evenBytes(targetBytes)
    this.#isCuttable = isCuttableObject
  }

  /** @returns the partitions that are complete */
  add(object: PlacedObject): Assignment[] {
    if (object.bytes === 0) return []
    if (object.bytes > this.#targetBytes && this.#isCuttable(object)) {
      return [...this.end(), ...this.#pieces(object)]
    }
    const { base, bytes } = object
    const slot = Math.floor(base / this.#targetBytes)
    const { objects = 0, slot: openSlot = slot } = this.#open ?? {}
    const complete = openSlot !== slot || objects >= objectsPerPartitionMax ? this.end() : []
    this.#open ??= { start: base, end: base, objects: 0, slot }
    this.#open.end = base + bytes
    this.#open.objects++
    return complete
  }

  end(): Assignment[] {
    if (this.#open === undefined) return []
    const { start, end } = this.#open
    this.#open = undefined
    return [{ partition: this.#partition++, start, end }]
  }

  *#pieces({ base, bytes }: PlacedObject): Generator<Assignment> {
    for (let from = 0; from < bytes; from += this.#targetBytes) {
      const range = { start: base + from, end: base + Math.min(from + this.#targetBytes, bytes) }
      yield { partition: this.#partition++, ...range, ...(from === 0 ? {} : { objectStart: base }) }
    }
  }
}

/** What a list is packed by: as the run's bytes were divided, but evenly. */
export function targetBytesOf(bytes: number, { partitionBytes }: { partitionBytes: number }): number {
  return Math.max(1, Math.ceil(bytes / Math.max(1, Math.ceil(bytes / partitionBytes))))
}

/** The assignments of a run's list, page by page. */
export async function* packedRound(
  run: RunDocument,
  pages: AsyncIterable<readonly PlacedObject[]>,
): AsyncGenerator<AssignmentPage> {
  let assignments: Assignment[] = []
  let page = 0
  for await (const assignment of packed(run, pages)) {
    assignments.push(assignment)
    if (assignments.length < partitionsPerPage) continue
    yield { round: 1, page: page++, assignments }
    assignments = []
  }
  if (assignments.length > 0) yield { round: 1, page, assignments }
}

/** @param pages of the run's list, in order */
export async function* packed(
  run: RunDocument,
  pages: AsyncIterable<readonly PlacedObject[]>,
): AsyncGenerator<Assignment> {
  const packing = new Packing(run.partitionBytes, object => isCuttable(run, object))
  for await (const page of pages) {
    for (const object of page) {
      const complete = packing.add(object)
      if (complete.length > 0) yield* complete
    }
  }
  yield* packing.end()
}
