/** The folder that a command keeps between the attempts at its partition, while this attempt has it. */
import { createWriteStream } from 'node:fs'
import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Assignment, Position } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Attempt } from '../attempt.ts'
import { sha256Of } from '../upload.ts'
import {
  type Manifest,
  newestSaved,
  rangeOf,
  type SavedFile,
  savedKey,
  savedKeys,
  type WorkedRange,
} from './saved.ts'

const checkpointFilesMax = 1000
const checkpointBytesMax = 1024 ** 3
const saveEveryMs = 60_000

interface Found {
  path: string
  bytes: number
  /** Of its last change, ms. */
  changedAt: number
}

export class Checkpoint {
  readonly dir: string
  readonly #attempt: Attempt
  readonly #range: WorkedRange
  /** What the folder was like when it was saved last. */
  #known = ''
  #saved: SavedFile[] = []
  #saving: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  /**
   * @param assignment of the records that are given: a start that was guessed may have been proven since
   * @param until where the reader has left off
   */
  constructor(attempt: Attempt, assignment: Assignment, until?: Position) {
    this.#attempt = attempt
    this.#range = rangeOf(assignment, until)
    this.dir = join(attempt.scratch.dir, 'checkpoint')
  }

  /** Makes the folder, with what the newest attempt before this one has saved of it. */
  async restore(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true })
    await mkdir(this.dir)
    if (this.#attempt.fence === 1) return
    try {
      await this.#restoreNewest()
    } catch (error) {
      // Without it the work takes longer, no more.
      this.#attempt.log.warn('checkpoint not restored', { error: String(error) })
      await rm(this.dir, { recursive: true, force: true })
      await mkdir(this.dir)
    }
  }

  /** Saves what has changed, again and again, until `save` is asked for the last time. */
  keepSaving(everyMs = saveEveryMs): void {
    this.#timer = setInterval(() => {
      this.#saving = this.#saving.then(() => this.#tryToSave())
    }, everyMs)
    this.#timer.unref()
  }

  /** What is still being saved is waited for. */
  async stopSaving(): Promise<void> {
    clearInterval(this.#timer)
    await this.#saving
  }

  /** Never fails: the attempt has something more important to say. */
  async saveLast(): Promise<void> {
    await this.stopSaving()
    await this.#tryToSave()
  }

  async #restoreNewest(): Promise<void> {
    const { objects, buckets, log } = this.#attempt
    const found = await newestSaved(this.#attempt, this.#range)
    if (found === undefined) return
    const place = { ...this.#attempt, fence: found.fence }
    for (const { path, sha256 } of found.manifest.files) {
      const file = join(this.dir, path)
      await mkdir(dirname(file), { recursive: true })
      const body = await objects.read({ bucket: buckets.state, key: savedKey(place, sha256) })
      await pipeline(body, createWriteStream(file))
      if ((await sha256Of(file)) !== sha256)
        throw new MillraceError('MALFORMED', `${path} was saved otherwise`)
    }
    log.info('checkpoint restored', { files: found.manifest.files.length, by: found.fence })
  }

  async #tryToSave(): Promise<void> {
    try {
      await this.#save()
    } catch (error) {
      this.#attempt.log.warn('checkpoint not saved', { error: String(error) })
    }
  }

  async #save(): Promise<void> {
    const found = await filesIn(this.dir)
    const state = JSON.stringify(found)
    if (state === this.#known || (found.length === 0 && this.#known === '')) return
    const { objects, buckets, log } = this.#attempt
    const files: SavedFile[] = []
    for (const { path } of found) files.push(await this.#saveFile(path))
    const manifest: Manifest = { range: this.#range, files }
    const body = Buffer.from(JSON.stringify(manifest))
    await objects.write({ bucket: buckets.state, key: savedKey(this.#attempt) }, body)
    const kept = new Set(files.map(({ sha256 }) => sha256))
    const gone = this.#saved.flatMap(({ sha256 }) =>
      kept.has(sha256) ? [] : savedKey(this.#attempt, sha256),
    )
    if (gone.length > 0) await objects.remove(gone.map(key => ({ bucket: buckets.state, key })))
    this.#saved = files
    this.#known = state
    log.info('checkpoint saved', { files: files.length })
  }

  /** As it is at one moment: the program may be writing on. */
  async #saveFile(path: string): Promise<SavedFile> {
    const { objects, buckets, scratch } = this.#attempt
    const copy = join(scratch.dir, 'checkpoint-file')
    await copyFile(join(this.dir, path), copy)
    const [{ size: bytes }, sha256] = await Promise.all([stat(copy), sha256Of(copy)])
    const isThere = this.#saved.some(file => file.sha256 === sha256)
    const ref = { bucket: buckets.state, key: savedKey(this.#attempt, sha256) }
    if (!isThere) await objects.write(ref, { file: copy })
    return { path, bytes, sha256 }
  }
}

/** The partition has succeeded: nobody needs what its attempts have saved. */
export async function forgetCheckpoints(attempt: Attempt): Promise<void> {
  const { objects, buckets, log } = attempt
  try {
    const keys = await savedKeys(attempt)
    if (keys.length > 0) await objects.remove(keys.map(key => ({ bucket: buckets.state, key })))
  } catch (error) {
    log.warn('checkpoints of no use could not be removed', { error: String(error) })
  }
}

/** Errors: NOT_ALLOWED where they are too many or too large. */
async function filesIn(dir: string): Promise<Found[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const found: Found[] = []
  for (const file of files.slice(0, checkpointFilesMax + 1).toSorted()) {
    const { size: bytes, mtimeMs: changedAt } = await stat(file)
    found.push({ path: relative(dir, file).split(sep).join('/'), bytes, changedAt })
  }
  const bytes = found.reduce((sum, file) => sum + file.bytes, 0)
  if (found.length <= checkpointFilesMax && bytes <= checkpointBytesMax) return found
  throw new MillraceError(
    'NOT_ALLOWED',
    `A checkpoint folder holds at most ${checkpointFilesMax} files and ${checkpointBytesMax} bytes; this one has ${files.length} and ${bytes}`,
  )
}
