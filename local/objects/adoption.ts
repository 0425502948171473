/** Which file is which object: the row says, the disk confirms, and what has no row is given one. */
import path from 'node:path'
import type { ObjectRef } from '../../shared/ports.ts'
import { hashFile, kindAt, type Stamp, sameStamp, stampAt } from './files.ts'
import { fileMark, folderMark, namesOf } from './path.ts'
import type { Announcement, ObjectCreated, ObjectRow, ObjectRows } from './rows.ts'

export interface Bucketry {
  dir: string
  rows: ObjectRows
  announces: (bucket: string) => boolean
  announce: (created: ObjectCreated) => Promise<void>
}

/** The path of the object within its bucket: where its row has it, or where a new one goes. */
export function placeOf(bucketry: Bucketry, ref: ObjectRef): string {
  return bucketry.rows.find(ref)?.path ?? freePlace(path.join(bucketry.dir, ref.bucket), ref.key)
}

export function fileOf(bucketry: Bucketry, ref: ObjectRef): string {
  return path.join(bucketry.dir, ref.bucket, placeOf(bucketry, ref))
}

/** A key may be the folder of another: whichever comes second steps aside by a mark in its name. */
function freePlace(root: string, key: string): string {
  const names = namesOf(key)
  const last = names.length - 1
  let place = ''
  for (const [at, name] of names.entries()) {
    const plain = path.join(place, name)
    const there = kindAt(path.join(root, plain))
    const blocked = at === last ? there === 'folder' : there === 'file'
    place = blocked ? plain + (at === last ? fileMark : folderMark) : plain
  }
  return place
}

/**
 * The row of an object whose file is the one that the row describes; `edited` where the file is another, or has
 * no row; `undefined` where there is none. A writer holds the lock from its rename to its commit, so what still
 * looks edited under the lock was edited by hand, or by a process that died in between.
 */
export function known(bucketry: Bucketry, ref: ObjectRef): ObjectRow | 'edited' | undefined {
  const seen = look(bucketry, ref)
  return seen === 'edited' ? bucketry.rows.alone(() => look(bucketry, ref)) : seen
}

function look(bucketry: Bucketry, ref: ObjectRef): ObjectRow | 'edited' | undefined {
  const row = bucketry.rows.find(ref)
  const stamp = stampAt(fileOf(bucketry, ref))
  if (stamp === undefined) return undefined
  return row && sameStamp(row, stamp) ? row : 'edited'
}

export interface Adopted {
  row: ObjectRow
  /** A version was made of it now. */
  fresh: boolean
}

/**
 * Makes a version of a file that no row describes, as if it had been written now, and announces it. `undefined`
 * where the file is gone or is just being written by someone else.
 */
export async function adopted(
  bucketry: Bucketry,
  ref: ObjectRef,
  place = placeOf(bucketry, ref),
): Promise<Adopted | undefined> {
  const file = path.join(bucketry.dir, ref.bucket, place)
  const hashed = await hashFile(file)
  if (hashed === undefined) return undefined
  const { stamp, etag } = hashed
  const saved = bucketry.rows.alone(() =>
    saveAdopted(bucketry, { ...ref, ...stamp, path: place, etag, metadata: {} }),
  )
  if (saved?.announcement) await announced(bucketry, saved.announcement)
  return saved
}

function saveAdopted(bucketry: Bucketry, unsaved: Omit<ObjectRow, 'version'>) {
  const row = bucketry.rows.find(unsaved)
  const stamp: Stamp | undefined = stampAt(path.join(bucketry.dir, unsaved.bucket, unsaved.path))
  if (stamp === undefined || !sameStamp(stamp, unsaved)) return undefined
  if (row && sameStamp(row, stamp)) return { row, fresh: false, announcement: undefined }
  return { ...bucketry.rows.save(unsaved, bucketry.announces(unsaved.bucket)), fresh: true }
}

/** Said first and forgotten afterwards: a death in between says it twice, never not at all. */
export async function announced({ announce, rows }: Bucketry, announcement: Announcement): Promise<void> {
  const { id, ...created } = announcement
  await announce(created)
  rows.announced(id)
}
