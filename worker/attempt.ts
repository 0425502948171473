/** One attempt, from the claimed partition to its report: read, work, write. */
import { rm } from 'node:fs/promises'
import {
  type Assignment,
  outputKeys,
  type Position,
  type RunDocument,
  rejectsPerPartitionMax,
  stateKeys,
} from '../shared/documents.ts'
import { isError, MillraceError } from '../shared/errors.ts'
import { isCommand } from '../shared/pipeline/work.ts'
import type { Objects } from '../shared/ports.ts'
import type { OutputObject, Report, Rest, SourceRange } from '../shared/records.ts'
import type { Stage } from '../shared/vocabulary.ts'
import { isRaw, rawFormat } from './command/raw.ts'
import type { Session, SessionOptions } from './duckdb/session.ts'
import { working } from './duckdb/working.ts'
import type { WrittenFile } from './duckdb/write.ts'
import type { WorkerLog } from './log.ts'
import type { Leave } from './notice/leave.ts'
import { formatOf } from './read/format.ts'
import { placedStart } from './read/listed.ts'
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
  leave?: Leave | undefined
  /** See `StretchSource`. */
  until?: Position | undefined
  /** Keys written so far, so that they can be removed if the attempt comes to nothing. */
  outputs: OutputObject[]
}

/**
 * A partition is called bad only from a start that is proven: behind a wrong guess, sound records look broken.
 * Errors: BAD_INPUT where more is rejected than the run can tolerate; the rejects are kept even so.
 */
export async function work(attempt: Attempt): Promise<Report> {
  const { run, objects, signal, leave, until, scratch, log } = attempt
  const assignment = await placedStart(attempt)
  const raw = isRaw(run.pipeline)
  const placed = placedFormat(formatOf(run), run)
  const source = { objects, run, raw, format: raw ? rawFormat(placed) : placed, signal, leave, until }
  try {
    return await workFrom(attempt, { ...source, assignment })
  } catch (error) {
    if (!isError(error, 'BAD_INPUT') || !isGuessed({ ...source, assignment })) throw error
    const began = attempt.elapsedMs()
    const proven = await provenStart({ ...source, assignment })
    log.warn('start proven', { ...proven, ms: attempt.elapsedMs() - began, because: error.message })
    await Promise.all([rm(scratch.spool, { force: true }), rm(scratch.rejects, { force: true })])
    return await workFrom(attempt, { ...source, assignment: { ...withoutHints(assignment), ...proven } })
  }
}

function withoutHints({ exactStart, exactWithin, unproven, ...assignment }: Assignment): Assignment {
  return assignment
}

async function workFrom(attempt: Attempt, source: PartitionSource): Promise<Report> {
  const spool = new Spool(attempt.scratch.spool, source.format.dialect)
  const rejects = new Rejects(attempt.scratch.rejects, source.assignment.partition, source.run)
  try {
    const { range, lines, rest } = await reading(attempt, source, spool, rejects)
    const guessed = isGuessed(source)
    const isWork = spool.records > 0 && !rejects.tooMany
    const read = rest ? { ...source, until: rest } : source
    const files = isWork ? await workOf(attempt)(attempt, read, spool, rejects, guessed) : []
    const recordsRead = spool.records + rejects.recordsCut
    return await finish(attempt, { files, rejects, recordsRead, range, lines, rest, guessed })
  } finally {
    spool.close()
  }
}

const workOf = ({ run }: Attempt): typeof working => (isCommand(run.pipeline.work) ? workingCommand : working)

const workingCommand: typeof working = async (attempt, source, spool, rejects) =>
  (await import('./command/work.ts')).workCommand({ attempt, source, spool, rejects })

export interface Worked {
  files: WrittenFile[]
  rejects: Rejects
  recordsRead: number
  range: SourceRange | undefined
  /** Of text: that were read. */
  lines?: number
  rest: Rest | undefined
  /** The reading began with a guess that nobody has proven yet. */
  guessed: boolean
}

/** What was worked becomes objects and a report. Errors: BAD_INPUT where more is rejected than tolerated. */
export async function finish(attempt: Attempt, worked: Worked): Promise<Report> {
  const { files, rejects, recordsRead, range, lines, rest } = worked
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
    ...(rejects.byWork === 0 ? {} : { rejectedByWork: rejects.byWork }),
    ...(rejectsKey ? { rejectsKey } : {}),
    ...(rest ? { rest } : {}),
  }
}

async function reading(attempt: Attempt, source: PartitionSource, spool: Spool, rejects: Rejects) {
  const began = attempt.elapsedMs()
  try {
    const end = await readPartition(source, spool, rejects)
    const { range, rest, bytesRead, windowPeakBytes } = end
    const counts = { records: spool.records + rejects.count, rejected: rejects.count, bytesRead }
    attempt.log.info('read', { ...counts, range, rest, windowPeakBytes, ms: attempt.elapsedMs() - began })
    return end
  } catch (error) {
    if (rejects.count > 0 && !isGuessed(source)) await writeRejects(attempt, rejects)
    throw error
  } finally {
    rejects.cut()
  }
}

/** Errors: BAD_INPUT where there are too many; behind a guess, nothing is kept of those. */
async function keepRejects(
  attempt: Attempt,
  rejects: Rejects,
  guessed: boolean,
): Promise<string | undefined> {
  if (rejects.count === 0 && rejects.unfinished === undefined) return undefined
  const tolerated = attempt.run.pipeline.tolerate.rejectedRecords
  const tooMany = rejects.tooMany || rejects.count > tolerated || rejects.unfinished !== undefined
  const key = tooMany && guessed ? undefined : await writeRejects(attempt, rejects)
  if (!tooMany) return key
  const many = rejects.tooMany ? `more than ${rejectsPerPartitionMax}` : `${rejects.count}`
  const kept = key === undefined ? 'None is kept' : `All are kept in ${key}`
  const more = rejects.unfinished === undefined ? '' : ` (${rejects.unfinished})`
  throw new MillraceError(
    'BAD_INPUT',
    `${many} ${rejects.count === 1 ? 'record' : 'records'} rejected${more}, ${tolerated} tolerated.${firstOf(attempt, rejects)}`,
    { remedy: `${kept}.${rejects.byWork === 0 ? '' : ` ${remedyOfWork}`}` },
  )
}

const remedyOfWork = 'Let the work take them (in SQL: TRY_CAST), or raise tolerate.rejectedRecords.'

function firstOf({ run }: Attempt, { first, byWork }: Rejects): string {
  if (first === undefined) return ''
  const { key, byteOffset, line, column, reason } = first
  const object = run.objects ? `in ${key}, ` : ''
  const counted = line === undefined || byWork === 0 ? '' : `, line ${line} of its partition`
  return ` The first, ${object}at byte ${byteOffset}${counted}${column === undefined ? '' : `, in ${column}`}: ${reason.replace(/\.?$/, '.')}`
}

async function writeRejects({ objects, buckets, run, assignment, fence }: Attempt, rejects: Rejects) {
  rejects.flush()
  const key = stateKeys.rejects(run.runId, assignment.partition, fence)
  const contentType = 'application/x-ndjson'
  await objects.write({ bucket: buckets.state, key }, { file: rejects.file }, { contentType })
  return key
}
