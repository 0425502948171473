/** A partition worked by a program of the user's: records to its stdin, results from its stdout. */
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { environment } from '../../shared/config.ts'
import { rejectsPerPartitionMax } from '../../shared/documents.ts'
import { MillraceError } from '../../shared/errors.ts'
import { type CommandWork, isCommand } from '../../shared/pipeline/work.ts'
import { bisect, type Search, searchMs } from '../bisect/search.ts'
import type { Misfit } from '../duckdb/load.ts'
import { reject } from '../duckdb/working.ts'
import type { WrittenFile } from '../duckdb/write.ts'
import { isGuessed } from '../read/partition.ts'
import { Checkpoint } from './checkpoint.ts'
import { faultOf, isOfData, rejectReason } from './ending.ts'
import { type Given, givenTo, type Reading } from './given.ts'
import { writeResults } from './results.ts'
import { stoppingOf, whyStopped } from './stopping.ts'
import { type CommandEnd, runCommand } from './supervise.ts'
import { commandVariables } from './variables.ts'

/**
 * Errors: by the program's end (shared/failure.ts `exitCodes`), WORK_FAILED for results that do not fit, STOPPED,
 * and those of reading. What it left in its checkpoint folder is saved then.
 */
export async function workCommand(reading: Reading): Promise<WrittenFile[]> {
  const { attempt, source } = reading
  const { work } = attempt.run.pipeline
  if (!isCommand(work) || work.command.length === 0) return []
  const began = attempt.elapsedMs()
  const given = await givenTo(work, reading)
  if (given === undefined || given.records.count === 0) return []
  const givenMs = attempt.elapsedMs() - began
  const stopping = stoppingOf(attempt)
  const checkpoint = new Checkpoint(attempt, source.assignment, source.until)
  await checkpoint.restore()
  checkpoint.keepSaving()
  try {
    const command = new Command({
      ...reading,
      work,
      given,
      checkpointDir: checkpoint.dir,
      stop: stopping.signal,
    })
    const files = await command.results()
    attempt.log.info('worked', { files: files.length, givenMs, ms: attempt.elapsedMs() - began })
    await checkpoint.stopSaving()
    return files
  } catch (error) {
    await checkpoint.saveLast()
    throw whyStopped(attempt, error)
  } finally {
    stopping.release()
  }
}

interface Task extends Reading {
  work: CommandWork
  given: Given
  checkpointDir: string
  stop: AbortSignal
}

class Command {
  readonly #task: Task
  readonly #cwd: string

  constructor(task: Task) {
    this.#task = task
    this.#cwd = join(task.attempt.scratch.dir, 'command')
  }

  /** None where more records break it than are tolerated: they are parked. */
  async results(): Promise<WrittenFile[]> {
    const { attempt, rejects, work, checkpointDir } = this.#task
    const { scratch, assignment } = attempt
    const file = join(scratch.dir, 'results.ndjson')
    const fault = faultOf(await this.#runInto(file, checkpointDir, []))
    if (fault) {
      if (!isOfData(fault, assignment.careful === true)) throw fault
      const bad = await this.#parkBad(fault)
      if (rejects.unfinished !== undefined) return []
      const again = faultOf(await this.#runInto(file, await this.#emptyFolder(), bad))
      if (again) throw unlike(again, 'without the records that broke it, too')
    }
    return writeResults(attempt, work, file, join(scratch.dir, 'results.csv'))
  }

  /** Finds the records that break it, and answers their numbers among those given. */
  async #parkBad(fault: MillraceError): Promise<number[]> {
    const { source, spool, rejects } = this.#task
    // Behind a wrong guess, sound records look broken: the start is proven before any is blamed.
    if (isGuessed(source)) throw new MillraceError('BAD_INPUT', fault.message)
    const { bad, ended } = await this.#searched(fault)
    if (ended === 'together') throw unlike(fault, 'on its records together, and on none of them alone')
    await reject(source, spool, rejects, this.#spooled(bad))
    rejects.byWork = bad.length
    if (ended === 'tooMany') rejects.unfinished = 'there may be more'
    if (ended === 'givenUp') rejects.unfinished = 'the search for more was given up'
    return bad.map(({ ordinal }) => ordinal)
  }

  /** Errors: those of the work where the program fails on no record at all. */
  async #searched(fault: MillraceError): Promise<Search> {
    const { attempt, rejects, given } = this.#task
    const { elapsedMs, log, run } = attempt
    const began = elapsedMs()
    const trial = (begin: number, end: number) => this.#trial(begin, end, fault.code === 'WORK_FAILED')
    if ((await trial(0, 0)) !== undefined) throw unlike(fault, 'on no records, too')
    const tolerated = Math.min(run.pipeline.tolerate.rejectedRecords, rejectsPerPartitionMax)
    const badMax = tolerated - rejects.count + 1
    const limits = { badMax, now: elapsedMs, msMax: searchMs(attempt) }
    const search = await bisect(given.records.count, trial, limits)
    const { bad, trials, ended } = search
    log.warn('bisected', {
      trials,
      found: bad.length,
      ended,
      ms: elapsedMs() - began,
      because: fault.message,
    })
    return search
  }

  async #trial(begin: number, end: number, careful: boolean): Promise<string | undefined> {
    const given = this.#task.given.records.bytes(begin, end)
    const ended = await this.#run(given, await this.#emptyFolder(), () => {})
    const fault = faultOf(ended)
    if (fault && !isOfData(fault, careful)) throw fault
    return fault && rejectReason(ended)
  }

  /** By their numbers among the spooled records: misfits lie between those given. */
  #spooled(bad: readonly Misfit[]): Misfit[] {
    const { misfits } = this.#task.given
    let before = 0
    return bad.map(({ ordinal, ...what }) => {
      while ((misfits[before] ?? Number.POSITIVE_INFINITY) <= ordinal + before) before++
      return { ...what, ordinal: ordinal + before }
    })
  }

  async #runInto(file: string, checkpointDir: string, without: readonly number[]): Promise<CommandEnd> {
    const { records } = this.#task.given
    const { log } = this.#task.attempt
    const results = await open(file, 'w')
    try {
      const given = records.bytes(0, records.count, without)
      const onStderr = (line: string) => log.info('command', { stderr: line })
      return await this.#run(given, checkpointDir, onStderr, results.fd)
    } finally {
      await results.close()
    }
  }

  async #run(
    given: AsyncIterable<Buffer>,
    checkpointDir: string,
    onStderr: (line: string) => void,
    stdout?: number,
  ): Promise<CommandEnd> {
    const { attempt } = this.#task
    await rm(this.#cwd, { recursive: true, force: true })
    await mkdir(this.#cwd)
    return runCommand({
      command: this.#task.work.command,
      cwd: this.#cwd,
      env: commandVariables(environment(), attempt, checkpointDir),
      given,
      ...(stdout === undefined ? {} : { stdout }),
      onStderr,
      signal: this.#task.stop,
    })
  }

  /** What is saved belongs to all of the records: some of them are worked without it. */
  async #emptyFolder(): Promise<string> {
    const dir = join(this.#task.attempt.scratch.dir, 'checkpoint-none')
    await rm(dir, { recursive: true, force: true })
    await mkdir(dir)
    return dir
  }
}

/** Another try would end the same way. */
function unlike(fault: MillraceError, words: string): MillraceError {
  return new MillraceError(fault.code, `${fault.message} (${words})`, { final: true, cause: fault })
}
