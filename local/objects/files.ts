/** The disk under local objects: write aside, hash, stamp, find. Knows no keys and no database. */
import { createHash } from 'node:crypto'
import { type BigIntStats, lstatSync, rmdirSync, statSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { newId } from '../../shared/clock.ts'
import type { ObjectBody } from '../../shared/ports.ts'

const copyBytes = 1024 * 1024
const asideFolder = '.tmp'

/** What tells that a file is still the one we wrote: any edit moves its time, any replacement its inode. */
export interface Stamp {
  bytes: number
  mtimeNs: string
  ino: string
}

export interface Content {
  bytes: number
  etag: string
}

/** Files being written by this process, whichever store writes them. */
const underWay = new Set<string>()

export function stampOf(stat: BigIntStats): Stamp {
  return { bytes: Number(stat.size), mtimeNs: String(stat.mtimeNs), ino: String(stat.ino) }
}

/** `undefined` where there is no file of that name. */
export function stampAt(file: string): Stamp | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false })
  return stat?.isFile() ? stampOf(stat) : undefined
}

export function sameStamp(left: Stamp, right: Stamp): boolean {
  return left.bytes === right.bytes && left.mtimeNs === right.mtimeNs && left.ino === right.ino
}

export function kindAt(file: string): 'file' | 'folder' | undefined {
  const stat = lstatSync(file, { throwIfNoEntry: false })
  return stat && (stat.isDirectory() ? 'folder' : 'file')
}

/**
 * Writes the body into a file of its own beside the buckets, flushed to the disk, so that a rename makes it
 * visible whole or not at all. `use` gets it and moves it away; what it leaves is removed.
 */
export async function writeAside<Result>(
  dir: string,
  body: ObjectBody,
  use: (file: string, content: Content) => Result,
): Promise<Result> {
  const folder = path.join(dir, asideFolder)
  const file = path.join(folder, `${process.pid}.${newId()}`)
  await mkdir(folder, { recursive: true })
  underWay.add(file)
  try {
    return use(file, await fill(file, body))
  } finally {
    await rm(file, { force: true })
    underWay.delete(file)
  }
}

async function fill(file: string, body: ObjectBody): Promise<Content> {
  await using to = await open(file, 'wx')
  if (body instanceof Uint8Array) await to.writeFile(body)
  const content = body instanceof Uint8Array ? contentOf(body) : await copy(body.file, to)
  await to.sync()
  return content
}

function contentOf(body: Uint8Array): Content {
  return { bytes: body.byteLength, etag: etagOf(createHash('sha256').update(body).digest('hex')) }
}

async function copy(file: string, to: FileHandle): Promise<Content> {
  await using from = await open(file)
  // Awaited here, or the file would be closed under its reader.
  return await hashed(from, async chunk => {
    for (let at = 0; at < chunk.byteLength; ) at += (await to.write(chunk, at)).bytesWritten
  })
}

/** `undefined` where the file is gone, cannot be read, or somebody writes to it meanwhile. `stamp`: of what was hashed. */
export async function hashFile(file: string): Promise<(Content & { stamp: Stamp }) | undefined> {
  const before = stampAt(file)
  if (before === undefined) return undefined
  await using handle = await open(file).catch(() => undefined)
  if (handle === undefined) return undefined
  const content = await hashed(handle, async () => {})
  const stamp = stampOf(await handle.stat({ bigint: true }))
  return sameStamp(before, stamp) && content.bytes === stamp.bytes ? { ...content, stamp } : undefined
}

async function hashed(from: FileHandle, pass: (chunk: Uint8Array) => Promise<void>): Promise<Content> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafeSlow(copyBytes)
  let bytes = 0
  for (;;) {
    const { bytesRead } = await from.read(buffer, 0, copyBytes, bytes)
    if (bytesRead === 0) return { bytes, etag: etagOf(hash.digest('hex')) }
    const chunk = buffer.subarray(0, bytesRead)
    hash.update(chunk)
    await pass(chunk)
    bytes += bytesRead
  }
}

/** The same for the same content, whoever wrote it and when. */
function etagOf(sha256: string): string {
  return sha256.slice(0, 32)
}

/** Every file below a folder, relative to it. Symbolic links are not followed. */
export async function* filesBelow(folder: string, below = ''): AsyncGenerator<string> {
  const entries = await readdir(path.join(folder, below), { withFileTypes: true })
  for (const entry of entries) {
    const name = path.join(below, entry.name)
    if (entry.isDirectory()) yield* filesBelow(folder, name)
    else if (entry.isFile()) yield name
  }
}

export async function foldersIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true })
  return entries.filter(entry => entry.isDirectory() && entry.name !== asideFolder).map(entry => entry.name)
}

/** Removes what processes that are gone left half-written. */
export async function removeLeftovers(dir: string): Promise<void> {
  const folder = path.join(dir, asideFolder)
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name)
    const pid = Number.parseInt(name, 10)
    const wanted = pid === process.pid ? underWay.has(file) : isAlive(pid)
    if (!wanted) await rm(file, { force: true })
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Removes the folders that a removal left empty, up to `root`. */
export function removeEmptyFolders(root: string, file: string): void {
  for (let folder = path.dirname(file); folder.startsWith(root + path.sep); folder = path.dirname(folder)) {
    try {
      rmdirSync(folder)
    } catch {
      return
    }
  }
}
