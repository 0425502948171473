/** Objects on one machine: plain files that a person can open, and rows that say which write each one is. */
import { linkSync, mkdirSync, renameSync, unlinkSync } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { MillraceError } from '../../shared/errors.ts'
import {
  checkKey,
  cutRange,
  isEmptyRange,
  listPageMax,
  lowerCased,
  objectExists,
  objectMissing,
  sourceChanged,
} from '../../shared/object-rules.ts'
import type { Clock, ObjectInfo, ObjectRef, Objects, ReadOptions, WriteOptions } from '../../shared/ports.ts'
import { adopted, announced, type Bucketry, fileOf, known, placeOf } from './adoption.ts'
import { type Content, removeEmptyFolders, sameStamp, stampAt, stampOf, writeAside } from './files.ts'
import { recoverObjects } from './recovery.ts'
import { type ObjectCreated, type ObjectRow, openObjectRows } from './rows.ts'
import { streamOf } from './stream.ts'

export interface LocalObjectsOptions {
  /** Holds one folder a bucket. */
  dir: string
  dbFile: string
  clock: Clock
  /** The buckets whose writes are told to `announce`. */
  announces: (bucket: string) => boolean
  /** At least once for every write, also when a process dies in between: `recover` makes up for it. */
  announce: (created: ObjectCreated) => Promise<void>
  /** For demonstrations: the first `read` in an announced bucket is refused as S3 refuses when overrun. */
  fault?: 'slow-down' | undefined
}

export interface LocalObjects extends Objects {
  /**
   * Announces what was written and not announced, and what a person put into the folder of an announced bucket or
   * changed there by hand; removes what dead processes left half-written. Returns how many it announced.
   */
  recover(): Promise<number>
  /** Where the object's file is, or would be. */
  pathOf(ref: ObjectRef): string
  close(): void
}

/** A reader meets a file replaced between the look and the open this often at most. */
const looksMax = 5

/**
 * The newest content of every key is kept, no older version. On a file system that ignores case, keys that differ
 * in nothing else share a file: the older of them then reads as SOURCE_CHANGED, never as the other's content.
 */
export function openLocalObjects(options: LocalObjectsOptions): LocalObjects {
  const rows = openObjectRows(options.dbFile, options.clock)
  const bucketry: Bucketry = { ...options, rows }
  let faults = options.fault === 'slow-down' ? 1 : 0
  mkdirSync(options.dir, { recursive: true })

  return {
    async head(ref, version) {
      const row = await current(bucketry, ref)
      return row && (version === undefined || version === row.version) ? infoOf(row) : undefined
    },
    async read(ref, readOptions = {}) {
      if (isEmptyRange(readOptions.range)) return Readable.from([])
      if (options.announces(ref.bucket) && faults-- > 0) throw slowDown()
      return read(bucketry, ref, readOptions)
    },
    async write(ref, body, writeOptions = {}) {
      checkKey(ref)
      const { row, announcement } = await writeAside(options.dir, body, (aside, content) =>
        rows.alone(() => putInPlace(bucketry, ref, { aside, content, ...writeOptions })),
      )
      if (announcement) await announced(bucketry, announcement)
      return infoOf(row)
    },
    async list(bucket, prefix, after = '') {
      const found = rows.list(bucket, prefix, after, listPageMax + 1)
      const objects = found.slice(0, listPageMax)
      const last = objects.at(-1)
      return found.length > listPageMax && last ? { objects, next: last.key } : { objects }
    },
    async remove(refs) {
      rows.alone(() => {
        for (const ref of refs) removeOne(bucketry, ref)
      })
    },
    recover: () => recoverObjects(bucketry),
    pathOf: ref => fileOf(bucketry, ref),
    close: () => rows.close(),
  }
}

/** The row of the object as it is on the disk now; one is made for a file that has none. */
async function current(bucketry: Bucketry, ref: ObjectRef): Promise<ObjectRow | undefined> {
  const found = known(bucketry, ref)
  if (found !== 'edited') return found
  return (await adopted(bucketry, ref))?.row
}

async function read(
  bucketry: Bucketry,
  ref: ObjectRef,
  { range, etag, version }: ReadOptions,
): Promise<Readable> {
  const identified = etag !== undefined || version !== undefined
  for (let looks = 0; looks < looksMax; looks++) {
    // Whoever asks for one certain object needs no new version made of an edited file to be told that it changed.
    const row = identified ? known(bucketry, ref) : await current(bucketry, ref)
    if (row === undefined) throw identified ? sourceChanged(ref, 'is gone') : objectMissing(ref)
    const same =
      row !== 'edited' && (etag ?? row.etag) === row.etag && (version ?? row.version) === row.version
    if (!same) throw sourceChanged(ref, 'was overwritten or edited')
    const stream = await opened(fileAt(bucketry, row), row, range)
    if (stream) return stream
  }
  throw sourceChanged(ref, 'is overwritten over and over')
}

async function opened(
  file: string,
  row: ObjectRow,
  range: ReadOptions['range'],
): Promise<Readable | undefined> {
  const handle = await open(file).catch(() => undefined)
  if (handle === undefined) return undefined
  if (sameStamp(row, stampOf(await handle.stat({ bigint: true })))) {
    const changed = (): Error => sourceChanged(row, 'was edited while it was read')
    return streamOf(handle, cutRange(range, row.bytes), row, changed)
  }
  await handle.close()
  return undefined
}

interface Placing extends WriteOptions {
  aside: string
  content: Content
}

function putInPlace(bucketry: Bucketry, ref: ObjectRef, { aside, content, once, metadata }: Placing) {
  const place = placeOf(bucketry, ref)
  const file = path.join(bucketry.dir, ref.bucket, place)
  mkdirSync(path.dirname(file), { recursive: true })
  if (once) linkOnce(ref, aside, file)
  else renameSync(aside, file)
  const stamp = stampAt(file)
  if (stamp === undefined) throw sourceChanged(ref, 'was removed by hand while it was written')
  const row = { ...ref, ...stamp, etag: content.etag, path: place, metadata: lowerCased(metadata) }
  return bucketry.rows.save(row, bucketry.announces(ref.bucket))
}

/** Exclusive even against a file that a person puts there at the same moment. */
function linkOnce(ref: ObjectRef, aside: string, file: string): void {
  try {
    linkSync(aside, file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw objectExists(ref, error)
    throw error
  }
}

function removeOne(bucketry: Bucketry, ref: ObjectRef): void {
  const file = fileOf(bucketry, ref)
  bucketry.rows.forget(ref)
  if (stampAt(file) === undefined) return
  unlinkSync(file)
  removeEmptyFolders(path.join(bucketry.dir, ref.bucket), file)
}

function fileAt(bucketry: Bucketry, row: ObjectRow): string {
  return path.join(bucketry.dir, row.bucket, row.path)
}

function infoOf({ bytes, etag, version, metadata }: ObjectRow): ObjectInfo {
  return { bytes, etag, version, metadata }
}

function slowDown(): MillraceError {
  return new MillraceError('THROTTLED', 'SlowDown: Please reduce your request rate.')
}
