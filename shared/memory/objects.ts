/** Objects in memory: the simulator's buckets. */
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import {
  checkKey,
  cutRange,
  isEmptyRange,
  listPageMax,
  lowerCased,
  objectExists,
  objectMissing,
  sourceChanged,
} from '../object-rules.ts'
import type {
  Clock,
  ListedObject,
  ObjectInfo,
  ObjectRef,
  Objects,
  ReadOptions,
  WriteOptions,
} from '../ports.ts'
import { byUtf8 } from '../table-rules.ts'

/** As a file or a socket would hand them out. */
const chunkBytes = 64 * 1024

interface Kept {
  content: Buffer
  info: ObjectInfo
  modifiedAt: number
}

interface Bucket {
  kept: Map<string, Kept>
  /** Its keys in order, of which some may be gone; absent: a key is new since. */
  sorted?: string[] | undefined
}

/** What an S3 event says of it: only for the same key do sequencers tell which came first. */
export type CreatedInfo = ObjectInfo & { sequencer: string }

export interface MemoryObjectsOptions {
  /** Every write has a version of its own: in all buckets, or some. Like on one machine, only the newest can be read. */
  versioned?: boolean | ((bucket: string) => boolean)
  /** Says when objects were written; without it, at 0. */
  clock?: Pick<Clock, 'now'>
  /** Called after each write, as an event would be sent. */
  onCreated?: (bucket: string, key: string, info: CreatedInfo) => void | Promise<void>
}

export function createMemoryObjects(options: MemoryObjectsOptions = {}): Objects {
  const buckets = new Map<string, Bucket>()
  let writes = 0
  const { versioned = false } = options
  const isVersioned = typeof versioned === 'boolean' ? () => versioned : versioned
  const find = ({ bucket, key }: ObjectRef): Kept | undefined => buckets.get(bucket)?.kept.get(key)

  const keep = (ref: ObjectRef, content: Buffer, { metadata, once }: WriteOptions): CreatedInfo => {
    if (once && find(ref)) throw objectExists(ref)
    const sequencer = (++writes).toString(16).padStart(16, '0').toUpperCase()
    const info: ObjectInfo = {
      bytes: content.length,
      etag: hash('sha256', content, 'hex').slice(0, 32),
      ...(isVersioned(ref.bucket) ? { version: sequencer } : {}),
      metadata: lowerCased(metadata),
    }
    const bucket = buckets.get(ref.bucket) ?? { kept: new Map<string, Kept>() }
    buckets.set(ref.bucket, bucket)
    if (!bucket.kept.has(ref.key)) bucket.sorted = undefined
    bucket.kept.set(ref.key, { content, info, modifiedAt: options.clock?.now() ?? 0 })
    return { ...copyOf(info), sequencer }
  }

  return {
    async head(ref, version) {
      const info = find(ref)?.info
      return info && (version === undefined || version === info.version) ? copyOf(info) : undefined
    },
    async read(ref, readOptions = {}) {
      if (isEmptyRange(readOptions.range)) return new KeptBytes([])
      const { start, end, content } = wanted(ref, find(ref), readOptions)
      return new KeptBytes(chunksOf(content, start, end))
    },
    async write(ref, body, writeOptions = {}) {
      checkKey(ref)
      const content = body instanceof Uint8Array ? Buffer.from(body) : await readFile(body.file)
      const { sequencer, ...info } = keep(ref, content, writeOptions)
      await options.onCreated?.(ref.bucket, ref.key, { ...info, sequencer })
      return info
    },
    list: async (bucket, prefix, after) => page(buckets.get(bucket), prefix, after),
    async remove(refs) {
      for (const { bucket, key } of refs) buckets.get(bucket)?.kept.delete(key)
    },
  }
}

function copyOf(info: ObjectInfo): ObjectInfo {
  return { ...info, metadata: { ...info.metadata } }
}

/** A stream for whoever pipes it; whoever iterates gets its chunks at once, as a simulation wants it. */
class KeptBytes extends Readable {
  readonly #chunks: Iterator<Buffer>

  constructor(chunks: Iterable<Buffer>) {
    super()
    this.#chunks = chunks[Symbol.iterator]()
  }

  override _read(): void {
    const next = this.#chunks.next()
    this.push(next.done ? null : next.value)
  }

  override async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    let next = this.#chunks.next()
    try {
      for (; !next.done; next = this.#chunks.next()) yield next.value
    } finally {
      if (!next.done) this.destroy()
    }
  }
}

function* chunksOf(content: Buffer, start: number, end: number): Generator<Buffer> {
  for (let at = start; at < end; at += chunkBytes) yield content.subarray(at, Math.min(at + chunkBytes, end))
}

function wanted(ref: ObjectRef, kept: Kept | undefined, { etag, version, range }: ReadOptions) {
  const identified = etag !== undefined || version !== undefined
  if (kept === undefined) throw identified ? sourceChanged(ref, 'is gone') : objectMissing(ref)
  const same = (etag ?? kept.info.etag) === kept.info.etag
  if (!same || (version ?? kept.info.version) !== kept.info.version) {
    throw sourceChanged(ref, 'was overwritten')
  }
  return { ...cutRange(range, kept.info.bytes), content: kept.content }
}

function page(bucket: Bucket | undefined, prefix: string, after: string | undefined) {
  const objects: ListedObject[] = []
  if (bucket === undefined) return { objects }
  bucket.sorted ??= [...bucket.kept.keys()].toSorted(byUtf8)
  const { kept, sorted } = bucket
  for (let at = placeBehind(sorted, prefix, after); at < sorted.length; at++) {
    const key = sorted[at] ?? ''
    if (!key.startsWith(prefix)) break
    const found = kept.get(key)
    if (found === undefined) continue
    const last = objects.at(-1)
    if (objects.length === listPageMax && last) return { objects, next: last.key }
    const { info, modifiedAt } = found
    objects.push({ key, bytes: info.bytes, etag: info.etag, modifiedAt })
  }
  return { objects }
}

/** Of the first key with the prefix that lies behind `after`. */
function placeBehind(sorted: readonly string[], prefix: string, after: string | undefined): number {
  const isBefore = (key: string): boolean =>
    byUtf8(key, prefix) < 0 || (after !== undefined && byUtf8(key, after) <= 0)
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (isBefore(sorted[middle] ?? '')) low = middle + 1
    else high = middle
  }
  return low
}
