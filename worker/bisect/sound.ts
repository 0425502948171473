/** The user's SQL over all records but those that break it: these are found, parked, and left out. */
import { rejectsPerPartitionMax } from '../../shared/documents.ts'
import { isError, MillraceError } from '../../shared/errors.ts'
import type { Attempt } from '../attempt.ts'
import { type InputRows, inputBetween, inputOf, withoutRows } from '../duckdb/input.ts'
import type { Session } from '../duckdb/session.ts'
import { type OutputWriter, outputWriter, type WrittenFile } from '../duckdb/write.ts'
import type { Rejects } from '../read/rejects.ts'
import { type BadRecord, bisect, type Search, searchMs, type Trial } from './search.ts'

/** Of a rejected record. */
const reasonCharactersMax = 500
/** Ordinals in one statement. */
const rowsPerStatement = 1000
/** What DuckDB says of the SQL itself, and of the machine: no record is to blame. */
const ofNoRecord =
  /^(Parser|Syntax|Binder|Catalog|Permission|IO|HTTP|Connection|Interrupt|INTERNAL|FATAL|Dependency|Invalid Configuration|Missing Extension|Autoloading Extension) Error: /
const ofDuckDb = /^[A-Z][A-Za-z ]* Error: /
const diskFull = /^IO Error: /

export interface Given {
  attempt: Pick<Attempt, 'run' | 'assignment' | 'scratch' | 'log' | 'elapsedMs'>
  session: Session
  rows: InputRows
  rejects: Rejects
  /** Takes records, by their ordinals among `rows` and in order, into the rejects. */
  park: (bad: BadRecord[]) => Promise<void>
  /** They were read behind a start that nobody has proven: what fails may be no record at all. */
  guessed: boolean
}

/**
 * Answers nothing where `rejects` are then too many, or the search for them was not finished.
 * Errors: WORK_FAILED where the SQL fails whatever it is given, or on records that are sound one by one (behind a
 * guess: BAD_INPUT), or where the search ends before it finds one; WORK_DIED, OUT_OF_MEMORY, COUNT_MISMATCH, STOPPED.
 */
export async function writeSound(given: Given): Promise<WrittenFile[]> {
  const { attempt, session } = given
  const writer = await outputWriter(session, attempt.run.pipeline, attempt.scratch).catch(sqlItself)
  try {
    return await writer.write()
  } catch (error) {
    if (!mayBeData(error)) throw error
    const trial = trialOf(given, writer)
    if ((await trial(0, 0)) !== undefined) return sqlItself(error)
    return await withoutBad(given, writer, trial, error)
  }
}

async function withoutBad(
  given: Given,
  writer: OutputWriter,
  trial: Trial,
  error: MillraceError,
): Promise<WrittenFile[]> {
  const { attempt, session, rows, rejects, park } = given
  const { bad, ended } = await searched(given, trial, error)
  if (ended === 'together')
    throw ofSome(given, 'on the records together, though on none of them alone', error)
  if (bad.length === 0) throw ofSome(given, 'on a record that was not found in time', error)
  await park(bad)
  rejects.byWork = bad.length
  if (ended !== 'all') {
    rejects.unfinished = ended === 'tooMany' ? 'there may be more' : 'the search for more was given up'
    return []
  }
  for (let at = 0; at < bad.length; at += rowsPerStatement) {
    const some = bad.slice(at, at + rowsPerStatement).map(({ ordinal }) => ordinal)
    await session.run(withoutRows(rows, some))
  }
  await session.run(inputOf(rows))
  try {
    return await writer.write()
  } catch (again) {
    attempt.log.warn('the others fail too')
    throw mayBeData(again) ? ofSome(given, 'on the other records together', again) : again
  }
}

async function searched(
  { attempt, rows, rejects }: Given,
  trial: Trial,
  because: MillraceError,
): Promise<Search> {
  const { elapsedMs, log, run } = attempt
  const began = elapsedMs()
  const tolerated = Math.min(run.pipeline.tolerate.rejectedRecords, rejectsPerPartitionMax)
  const badMax = tolerated - rejects.count + 1
  const search = await bisect(rows.count, trial, { badMax, now: elapsedMs, msMax: searchMs(attempt) })
  const { bad, trials, ended } = search
  const said = { found: bad.length, trials, ended, because: reasonOf(because) }
  log.warn('bisected', { ...said, records: rows.count, ms: elapsedMs() - began })
  return search
}

function trialOf({ session, rows }: Given, writer: OutputWriter): Trial {
  return async (begin, end) => {
    await session.run(inputBetween(rows, begin, end))
    try {
      await writer.tryOut()
      return undefined
    } catch (error) {
      if (mayBeData(error)) return reasonOf(error)
      throw error
    }
  }
}

function mayBeData(error: unknown): error is MillraceError {
  if (isError(error, 'WORK_DIED')) return true
  return isError(error, 'WORK_FAILED') && ofDuckDb.test(error.message) && !ofNoRecord.test(error.message)
}

/** Of DuckDB's words the first line: behind it, it shows the place in the SQL. */
function reasonOf(error: MillraceError): string {
  const words = error.code === 'WORK_DIED' ? error.message.replaceAll(/\s+/g, ' ') : error.message
  return (words.split('\n', 1)[0] ?? '').slice(0, reasonCharactersMax)
}

/** Errors: always; one that the SQL has earned by itself says that another try is of no use. */
function sqlItself(error: unknown): never {
  if (!isError(error, 'WORK_FAILED') || diskFull.test(error.message)) throw error
  const { message, remedy } = error
  throw new MillraceError('WORK_FAILED', message, {
    ...(remedy === undefined ? {} : { remedy }),
    final: true,
    cause: error,
  })
}

/** Behind a guess, they may be no records at all. */
function ofSome({ guessed }: Given, where: string, cause: MillraceError): MillraceError {
  const words = `The SQL fails ${where}: ${cause.message}`
  return new MillraceError(guessed ? 'BAD_INPUT' : 'WORK_FAILED', words, { final: true, cause })
}
