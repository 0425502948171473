/** The list of a run's objects: written page by page as it comes, read page by page. */
import type { ObjectList, RunDocument } from '../../shared/documents.ts'
import {
  type ObjectIndex,
  type ObjectPage,
  objectKeys,
  objectsPerPage,
  type PagePlace,
  type PlacedObject,
  placedObjects,
  type RunObject,
} from '../../shared/plan/objects.ts'
import type { ObjectRef } from '../../shared/ports.ts'
import type { World } from '../../shared/world.ts'
import { readDocument } from './documents.ts'

/** A page is held in memory until it is written, one for each listing that is under way. */
const pageBytesMax = 2 * 1024 * 1024

/** Takes objects in order; several of them, one behind the other, are one list. */
export interface ListPart {
  pages: PagePlace[]
  open: RunObject[]
  /** Of the open page as JSON, about. */
  openBytes: number
  /** The first object that holds anything. */
  first?: RunObject
  /** The first object at all. */
  any?: RunObject
}

export class ListWriter {
  readonly #world: World<'objects'>
  readonly #runId: string
  /** A listing of its own: one that was interrupted may have seen other objects. */
  readonly #listing: string
  #pages = 0
  objects = 0

  constructor(world: World<'objects'>, runId: string) {
    this.#world = world
    this.#runId = runId
    const { clock } = world
    this.#listing = `${clock.now().toString(36)}-${Math.floor(clock.random() * 2 ** 40).toString(36)}`
  }

  part(): ListPart {
    return { pages: [], open: [], openBytes: 0 }
  }

  async add(part: ListPart, objects: readonly RunObject[]): Promise<void> {
    for (const object of objects) {
      part.any ??= object
      if (object.bytes > 0) part.first ??= object
      part.open.push(object)
      part.openBytes += object.key.length + 100
      this.objects++
      if (part.open.length >= objectsPerPage || part.openBytes >= pageBytesMax) await this.#flush(part)
    }
  }

  /** @returns the list, and the object from which the run is planned; `undefined` where there is none */
  async end(parts: readonly ListPart[]): Promise<{ list: ObjectList; first: RunObject } | undefined> {
    for (const part of parts) await this.#flush(part)
    const first = parts.find(part => part.first)?.first ?? parts.find(part => part.any)?.any
    if (first === undefined) return undefined
    const pages = parts.flatMap(part => part.pages)
    const index: ObjectIndex = { pages }
    await this.#write(objectKeys.index(this.#runId, this.#listing), index)
    const bytes = pages.reduce((sum, page) => sum + page.bytes, 0)
    const bucket = this.#world.config.buckets.state
    const list = { bucket, listing: this.#listing, objects: this.objects, bytes, pages: pages.length }
    return { list, first }
  }

  async #flush(part: ListPart): Promise<void> {
    const objects = part.open
    if (objects.length === 0) return
    part.open = []
    part.openBytes = 0
    const page = this.#pages++
    const bytes = objects.reduce((sum, object) => sum + object.bytes, 0)
    part.pages.push({ page, objects: objects.length, bytes })
    const document: ObjectPage = { objects }
    await this.#write(objectKeys.page(this.#runId, this.#listing, page), document)
  }

  async #write(key: string, document: object): Promise<void> {
    const ref = { bucket: this.#world.config.buckets.state, key }
    const contentType = 'application/json'
    await this.#world.objects.write(ref, Buffer.from(JSON.stringify(document)), { contentType })
  }
}

/** All objects of a planned list, in order, page by page. */
export async function* pagesOfList(
  { objects }: Pick<World, 'objects'>,
  { runId, objects: list }: Pick<RunDocument, 'runId' | 'objects'>,
): AsyncGenerator<PlacedObject[]> {
  if (list === undefined) return
  const at = (key: string): ObjectRef => ({ bucket: list.bucket, key })
  const { pages } = await readDocument<ObjectIndex>(objects, at(objectKeys.index(runId, list.listing)))
  let item = 0
  let base = 0
  for (const { page, bytes } of pages) {
    const read = await readDocument<ObjectPage>(objects, at(objectKeys.page(runId, list.listing, page)))
    yield placedObjects(read, item, base)
    item += read.objects.length
    base += bytes
  }
}
