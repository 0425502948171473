/** A partition of Parquet: row groups of one file or many files whole, their rows taken by their own types. */
import { rm } from 'node:fs/promises'
import { isError, MillraceError } from '../../shared/errors.ts'
import type { Report } from '../../shared/records.ts'
import { type Attempt, finish } from '../attempt.ts'
import type { BadRecord } from '../bisect/search.ts'
import type { Session } from '../duckdb/session.ts'
import type { WrittenFile } from '../duckdb/write.ts'
import { restFrom } from '../read/leaving.ts'
import { namingObject } from '../read/object-fault.ts'
import { Rejects } from '../read/rejects.ts'
import { type ParquetPart, partsOf } from './part.ts'
import { offsetOf, PlacedRows, rejectRows } from './places.ts'
import { JoinedRows } from './rows.ts'
import { ParquetTable } from './table.ts'

/** Errors: BAD_INPUT (refusal PARQUET_CORRUPT; or more rejects than tolerated), and those of `work`. */
export async function workParquet(attempt: Attempt): Promise<Report> {
  const { assignment, scratch, run } = attempt
  const rejects = new Rejects(scratch.rejects, assignment.partition, run)
  const loading = new Loading(attempt, rejects)
  try {
    const began = attempt.elapsedMs()
    for await (const part of partsOf(attempt)) {
      await loading.add(part)
      if (rejects.tooMany || attempt.leave?.why !== undefined) break
    }
    const { range, counts } = loading
    const left = range && range.end < assignment.end ? { at: range.end } : undefined
    const rest = rejects.tooMany ? undefined : restFrom(attempt.leave, left)
    attempt.log.info('read', { ...counts, rejected: rejects.count, rest, ms: attempt.elapsedMs() - began })
    const files = await loading.working()
    const read = { recordsRead: counts.records, range, rest }
    return await finish(attempt, { files, rejects, ...read, guessed: false })
  } finally {
    loading.close()
  }
}

class Loading {
  readonly counts = { files: 0, records: 0, bytesRead: 0, requests: 0, pagesChecked: 0 }
  range: Report['range']
  readonly #attempt: Attempt
  readonly #rejects: Rejects
  #session: Session | undefined
  #rows: JoinedRows | undefined
  readonly #placed: PlacedRows[] = []

  constructor(attempt: Attempt, rejects: Rejects) {
    this.#attempt = attempt
    this.#rejects = rejects
  }

  async add(part: ParquetPart): Promise<void> {
    const { counts } = this
    this.range = { start: this.range?.start ?? part.covers.start, end: part.covers.end }
    counts.files++
    counts.records += part.records
    counts.bytesRead += part.bytesRead
    counts.requests += part.requests
    counts.pagesChecked += part.pagesChecked
    if (part.records > 0) await this.#load(part)
    await rm(part.file)
  }

  async #load(part: ParquetPart): Promise<void> {
    const { scratch, signal, run } = this.#attempt
    this.#session ??= await this.#attempt.openSession({ scratch, signal })
    this.#rows ??= new JoinedRows(this.#session)
    await this.#rows.makeRoom()
    const table = new ParquetTable(this.#session, part.file)
    const { source, found, records } = part
    try {
      const misfits = await table.load({ ...run, source }, found, records).catch(corrupt(part))
      const placed = new PlacedRows(part)
      this.#placed.push(placed)
      if (misfits > 0) await placed.rejectMisfits(table, this.#rejects, misfits)
    } catch (error) {
      throw run.layout.space === 'objects' ? namingObject(source, error) : error
    }
    this.#rows.take(table, source)
  }

  /** The user's SQL, unless nothing is there or too much was rejected. */
  async working(): Promise<WrittenFile[]> {
    const { run, log } = this.#attempt
    const [session, rejects] = [this.#session, this.#rejects]
    if (session === undefined || this.#rows === undefined) return []
    const began = this.#attempt.elapsedMs()
    const input = await this.#rows.makeInput()
    const tolerated = rejects.count <= run.pipeline.tolerate.rejectedRecords
    const { writeSound } = await import('../bisect/sound.ts')
    const park = (bad: BadRecord[]) => rejectRows(session, input, this.#placed, rejects, bad)
    const given = { attempt: this.#attempt, session, rows: input.rows, rejects, park, guessed: false }
    const files = tolerated ? await writeSound(given) : []
    log.info('worked', { files: files.length, ms: this.#attempt.elapsedMs() - began })
    return files
  }

  close(): void {
    this.#session?.close()
  }
}

/** What DuckDB says of the disk to which it spills, not of the file. */
const diskFull = /No space left/

function corrupt({ groups, first }: ParquetPart) {
  return (error: unknown): never => {
    if (!isError(error, 'BAD_INPUT')) throw error
    if (diskFull.test(error.message)) throw new MillraceError('WORK_FAILED', error.message, { cause: error })
    const place = `row groups [${first}, ${first + groups.length}), from byte ${offsetOf(groups[0])} on`
    throw new MillraceError('BAD_INPUT', `The Parquet file is corrupt in ${place}: ${error.message}`, {
      refusal: 'PARQUET_CORRUPT',
      remedy: 'Write or upload the file again.',
      cause: error,
    })
  }
}
