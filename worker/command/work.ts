/** A partition worked by a program of the user's: records to its stdin, results from its stdout. */
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { environment } from '../../shared/config.ts'
import { MillraceError } from '../../shared/errors.ts'
import { type CommandWork, isCommand } from '../../shared/pipeline/work.ts'
import { bisect } from '../bisect/search.ts'
import type { WrittenFile } from '../duckdb/write.ts'
import { isGuessed } from '../read/partition.ts'
import { Checkpoint } from './checkpoint.ts'
import { faultOf, isOfData, rejectReason } from './ending.ts'
import { type Given, givenTo, type Reading } from './given.ts'
import { type Parked, park } from './park.ts'
import { writeResults } from './results.ts'
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
  const checkpoint = new Checkpoint(attempt, source.assignment)
  await checkpoint.restore()
  checkpoint.keepSaving()
  try {
    const command = new Command(reading, work, given, checkpoint.dir)
    const files = await command.results()
    attempt.log.info('worked', { files: files.length, givenMs, ms: attempt.elapsedMs() - began })
    await checkpoint.stopSaving()
    return files
  } catch (error) {
    await checkpoint.saveLast()
    throw error
  }
}

class Command {
  readonly #reading: Reading
  readonly #work: CommandWork
  readonly #given: Given
  readonly #checkpointDir: string
  readonly #cwd: string

  constructor(reading: Reading, work: CommandWork, given: Given, checkpointDir: string) {
    this.#reading = reading
    this.#work = work
    this.#given = given
    this.#checkpointDir = checkpointDir
    this.#cwd = join(reading.attempt.scratch.dir, 'command')
  }

  /** None where more records break it than are tolerated: they are parked. */
  async results(): Promise<WrittenFile[]> {
    const { attempt, rejects } = this.#reading
    const { scratch, assignment, run } = attempt
    const file = join(scratch.dir, 'results.ndjson')
    const fault = faultOf(await this.#runInto(file, this.#checkpointDir, []))
    if (fault) {
      if (!isOfData(fault, assignment.careful === true)) throw fault
      const bad = await this.#park(fault)
      if (rejects.count > run.pipeline.tolerate.rejectedRecords) return []
      const again = faultOf(await this.#runInto(file, await this.#emptyFolder(), bad))
      if (again) throw this.#unlike(again, 'without the records that broke it, too')
    }
    return writeResults(attempt, this.#work, file, join(scratch.dir, 'results.csv'))
  }

  /** Finds the records that break it, and answers their numbers among those given. */
  async #park(fault: MillraceError): Promise<number[]> {
    const { attempt, source, rejects } = this.#reading
    // Behind a wrong guess, sound records look broken: the start is proven before any is blamed.
    if (isGuessed(source)) throw new MillraceError('BAD_INPUT', fault.message)
    const began = attempt.elapsedMs()
    const badMax = attempt.run.pipeline.tolerate.rejectedRecords - rejects.count + 1
    const trial = (begin: number, end: number) => this.#trial(begin, end, fault.code === 'WORK_FAILED')
    const { bad, trials, ended } = await bisect(this.#given.records.count, trial, {
      badMax,
      now: attempt.elapsedMs,
    })
    attempt.log.warn('bisected', { trials, found: bad.length, ended, ms: attempt.elapsedMs() - began })
    if (ended === 'together') throw this.#unlike(fault, 'on records together, and on none of them alone')
    if (ended === 'givenUp')
      throw this.#unlike(fault, `and ${trials} trials did not tell which records are to blame`)
    await park(this.#reading, this.#spooled(bad))
    rejects.byWork += bad.length
    return bad.map(({ ordinal }) => ordinal)
  }

  async #trial(begin: number, end: number, careful: boolean): Promise<string | undefined> {
    const given = this.#given.records.bytes(begin, end)
    const ended = await this.#run(given, await this.#emptyFolder(), () => {})
    const fault = faultOf(ended)
    if (fault && !isOfData(fault, careful)) throw fault
    return fault && rejectReason(ended)
  }

  /** By their numbers among the spooled records: misfits lie between those given. */
  #spooled(bad: readonly Parked[]): Parked[] {
    const { misfits } = this.#given
    let before = 0
    return bad.map(({ ordinal, ...what }) => {
      while ((misfits[before] ?? Number.POSITIVE_INFINITY) <= ordinal + before) before++
      return { ...what, ordinal: ordinal + before }
    })
  }

  async #runInto(file: string, checkpointDir: string, without: readonly number[]): Promise<CommandEnd> {
    const { records } = this.#given
    const { log } = this.#reading.attempt
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
    const { attempt } = this.#reading
    await rm(this.#cwd, { recursive: true, force: true })
    await mkdir(this.#cwd)
    return runCommand({
      command: this.#work.command,
      cwd: this.#cwd,
      env: commandVariables(environment(), attempt, checkpointDir),
      given,
      ...(stdout === undefined ? {} : { stdout }),
      onStderr,
      signal: attempt.signal,
    })
  }

  /** What is saved belongs to all of the records: some of them are worked without it. */
  async #emptyFolder(): Promise<string> {
    const dir = join(this.#reading.attempt.scratch.dir, 'checkpoint-none')
    await rm(dir, { recursive: true, force: true })
    await mkdir(dir)
    return dir
  }

  #unlike(fault: MillraceError, words: string): MillraceError {
    return new MillraceError(fault.code, `${fault.message} (${words})`, { cause: fault })
  }
}
