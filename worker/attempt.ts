/** One attempt, from the claimed partition to its report: read, work, write. */
import { rm } from 'node:fs/promises'
import {
  type Assignment,
  outputKeys,
  type RunDocument,
  rejectsPerPartitionMax,
  stateKeys,
} from '../shared/documents.ts'
import { isError, MillraceError } from '../shared/errors.ts'
import type { Objects } from '../shared/ports.ts'
import type { OutputObject, Report, SourceRange } from '../shared/records.ts'
import type { Stage } from '../shared/vocabulary.ts'
import { Table } from './duckdb/load.ts'
import type { Session, SessionOptions } from './duckdb/session.ts'
import type { WrittenFile } from './duckdb/write.ts'
import type { WorkerLog } from './log.ts'
import { findRecords } from './read/find.ts'
import { formatOf } from './read/format.ts'
import { isGuessed, provenStart, readPartition } from './read/partition.ts'
import { placedFormat } from './read/place.ts'
import { Rejects } from './read/rejects.ts'
import { Spool } from './read/spool.ts'
import type { PartitionSource } from './read/walk.ts'
import type { Scratch } from './scratch.ts'
import { upload } from './upload.ts'

export interface Attempt {
  objects: Objects
  buckets: { state: string; output: string }
  run: RunDocument
  assignment: Assignment
  stage: Stage
  fence: number
  scratch: Scratch
  log: WorkerLog
  /** Elapsed ms since some moment. */
  elapsedMs: () => number
  /** Opening DuckDB costs 100 ms: it is awaited only when the records are read. */
  openSession: (options: Pick<SessionOptions, 'scratch' | 'signal'>) => Promise<Session>
  signal?: AbortSignal | undefined
  /** Keys written so far, so that they can be removed if the attempt comes to nothing. */
  outputs: OutputObject[]
}

/**
 * A partition is called bad only from a start that is proven: behind a wrong guess, sound records look broken.
 * Errors: BAD_INPUT where more is rejected than the run can tolerate; the rejects are kept even so.
 */
export async function work(attempt: Attempt): Promise<Report> {
  const { run, assignment, objects, signal, scratch, log } = attempt
  const source = { objects, run, format: placedFormat(formatOf(run), run), signal }
  try {
    return await workFrom(attempt, { ...source, assignment })
  } catch (error) {
    if (!isError(error, 'BAD_INPUT') || !isGuessed({ ...source, assignment })) throw error
    const began = attempt.elapsedMs()
    const proven = await provenStart({ ...source, assignment })
    log.warn('start proven', { ...proven, ms: attempt.elapsedMs() - began, because: error.message })
    await Promise.all([rm(scratch.spool, { force: true }), rm(scratch.rejects, { force: true })])
    return await workFrom(attempt, { ...source, assignment: { ...assignment, ...proven } })
  }
}

async function workFrom(attempt: Attempt, source: PartitionSource): Promise<Report> {
  const spool = new Spool(attempt.scratch.spool, source.format.dialect)
  const rejects = new Rejects(attempt.scratch.rejects, source.assignment.partition, source.run)
  try {
    const { range, lines } = await reading(attempt, source, spool, rejects)
    const files = spool.records === 0 || rejects.tooMany ? [] : await working(attempt, source, spool, rejects)
    const recordsRead = spool.records + rejects.recordsCut
    return await finish(attempt, { files, rejects, recordsRead, range, lines, guessed: isGuessed(source) })
  } finally {
    spool.close()
  }
}

export interface Worked {
  files: WrittenFile[]
  rejects: Rejects
  recordsRead: number
  range: SourceRange | undefined
  /** Of text: that were read. */
  lines?: number
  /** The reading began with a guess that nobody has proven yet. */
  guessed: boolean
}

/** What was worked becomes objects and a report. Errors: BAD_INPUT where more is rejected than tolerated. */
export async function finish(attempt: Attempt, worked: Worked): Promise<Report> {
  const { files, rejects, recordsRead, range, lines } = worked
  const rejectsKey = await keepRejects(attempt, rejects, worked.guessed)
  const { partition } = attempt.assignment
  const extension = outputKeys.extension(attempt.run.pipeline.output)
  await upload(attempt, files, number => outputKeys.part(partition, attempt.fence, number, extension))
  const recordsWritten = attempt.outputs.reduce((sum, output) => sum + output.records, 0)
  const counts = { recordsRead, recordsRejected: rejects.count, recordsWritten, outputs: attempt.outputs }
  return {
    ...(range ? { range } : {}),
    ...counts,
    ...(lines === undefined ? {} : { lines }),
    ...(rejectsKey ? { rejectsKey } : {}),
  }
}

async function reading(attempt: Attempt, source: PartitionSource, spool: Spool, rejects: Rejects) {
  const began = attempt.elapsedMs()
  try {
    const end = await readPartition(source, spool, rejects)
    const { range, bytesRead, windowPeakBytes } = end
    const counts = { records: spool.records + rejects.count, rejected: rejects.count, bytesRead }
    attempt.log.info('read', { ...counts, range, windowPeakBytes, ms: attempt.elapsedMs() - began })
    return end
  } catch (error) {
    if (rejects.count > 0 && !isGuessed(source)) await writeRejects(attempt, rejects)
    throw error
  } finally {
    rejects.cut()
  }
}

async function working(
  attempt: Attempt,
  source: PartitionSource,
  spool: Spool,
  rejects: Rejects,
): Promise<WrittenFile[]> {
  const { run, scratch, signal, log } = attempt
  const began = attempt.elapsedMs()
  const session = await attempt.openSession({ scratch, signal })
  try {
    const table = new Table(session, spool, source.format, run)
    const misfits = await table.load()
    if (misfits > 0) await rejectMisfits(source, table, spool, rejects, misfits)
    const loadedMs = attempt.elapsedMs() - began
    const tolerated = rejects.count <= run.pipeline.tolerate.rejectedRecords
    // Loaded only now: DuckDB's library must not stand between the process's start and its claim.
    const { writeOutput } = await import('./duckdb/write.ts')
    const files = tolerated ? await writeOutput(session, run.pipeline, scratch) : []
    log.info('worked', { misfits, files: files.length, loadedMs, ms: attempt.elapsedMs() - began })
    return files
  } finally {
    session.close()
  }
}

async function rejectMisfits(
  source: PartitionSource,
  table: Table,
  spool: Spool,
  rejects: Rejects,
  count: number,
): Promise<void> {
  const misfits = await table.misfits(rejectsPerPartitionMax + 1)
  if (misfits.length !== Math.min(count, rejectsPerPartitionMax + 1)) {
    throw new MillraceError(
      'COUNT_MISMATCH',
      `${count} records do not fit, but ${misfits.length} are found again`,
    )
  }
  const byOrdinal = new Map(misfits.map(misfit => [misfit.ordinal, misfit]))
  await findRecords(source, spool.marks, [...byOrdinal.keys()], (ordinal, position, raw, line) => {
    const misfit = byOrdinal.get(ordinal)
    if (misfit) rejects.add(position, misfit.reason, raw, misfit.column, line)
  })
  rejects.flush()
}

/** Errors: BAD_INPUT where there are too many; behind a guess, nothing is kept of those. */
async function keepRejects(
  attempt: Attempt,
  rejects: Rejects,
  guessed: boolean,
): Promise<string | undefined> {
  if (rejects.count === 0) return undefined
  const tolerated = attempt.run.pipeline.tolerate.rejectedRecords
  const tooMany = rejects.tooMany || rejects.count > tolerated
  const key = tooMany && guessed ? '(not kept)' : await writeRejects(attempt, rejects)
  if (!tooMany) return key
  const many = rejects.tooMany ? `more than ${rejectsPerPartitionMax}` : `${rejects.count}`
  const { byteOffset, column, reason, key: object } = rejects.first ?? {}
  const where = `${attempt.run.objects ? `in ${object}, ` : ''}at byte ${byteOffset}${column === undefined ? '' : `, in ${column}`}`
  throw new MillraceError(
    'BAD_INPUT',
    `${many} records rejected, ${tolerated} tolerated. The first, ${where}: ${reason}`,
    { remedy: `All are kept in ${key}.` },
  )
}

async function writeRejects({ objects, buckets, run, assignment, fence }: Attempt, rejects: Rejects) {
  rejects.flush()
  const key = stateKeys.rejects(run.runId, assignment.partition, fence)
  const contentType = 'application/x-ndjson'
  await objects.write({ bucket: buckets.state, key }, { file: rejects.file }, { contentType })
  return key
}
