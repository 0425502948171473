/** `millrace logs <run> [partition]`: what the functions and the attempts said. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { partitionsOf, tasksBeside } from '../functions/steps/gather.ts'
import { logStreamName } from '../local/batch/names.ts'
import { MillraceError } from '../shared/errors.ts'
import type { PartitionRecord } from '../shared/records.ts'
import { PartitionState } from '../shared/vocabulary.ts'
import { type AttemptCommand, attemptCommands, functionsCommand } from './log-commands.ts'
import { type GlobalOptions, localStage } from './options.ts'
import { loadRunRecord } from './report.ts'
import { functionsLogFile } from './stack-log.ts'
import { openStage } from './stage.ts'

const failedShownMax = 10

/** Without a partition: the functions' lines of the run, then every attempt of the partitions that failed. */
export async function showLogs(
  runId: string,
  partition: number | undefined,
  options: GlobalOptions,
): Promise<number> {
  const { world, close } = await openStage(options, 'look', false)
  try {
    const run = await loadRunRecord(world, runId)
    const records = [...(await partitionsOf(world, run)), ...(await tasksBeside(world, run))]
    if (options.stage !== localStage) {
      const since = Date.parse(run.createdAt)
      const functions = partition === undefined ? functionsCommand(options.stage, runId, since) : undefined
      const attempts = attemptCommands(options.stage, chosen(records, runId, partition))
      sayCommands(functions, attempts, options.json)
      return 0
    }
    const lines = partition === undefined ? functionLines(options.dataDir, runId) : []
    sayFunctions(lines, options.json)
    let attempts = 0
    for (const record of chosen(records, runId, partition)) {
      attempts += sayAttempts(options.dataDir, record, options.json)
    }
    if (lines.length + attempts === 0) process.stderr.write(`nothing was kept of ${runId}\n`)
  } finally {
    await close()
  }
  return 0
}

function chosen(records: PartitionRecord[], runId: string, partition: number | undefined): PartitionRecord[] {
  if (partition === undefined) {
    return records.filter(({ state }) => state === PartitionState.FAILED).slice(0, failedShownMax)
  }
  const found = records.filter(record => record.partition === partition)
  if (found.length > 0) return found
  throw new MillraceError('NOT_FOUND', `Partition ${partition} of ${runId} was not claimed yet`, {
    remedy: 'See `millrace show` for the partitions there are.',
  })
}

/** In AWS the lines are in CloudWatch Logs: said is how to read them there. */
function sayCommands(
  functions: string | undefined,
  attempts: readonly AttemptCommand[],
  json: boolean,
): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...(functions && { functions }), attempts })}\n`)
    return
  }
  if (functions !== undefined) process.stdout.write(`# what the functions said\n${functions}\n`)
  for (const { partition, round, jobAttempt, jobId, command } of attempts) {
    const title = `# partition ${partition}, round ${round}, attempt ${jobAttempt} of job ${jobId}`
    process.stdout.write(`${title}\n${command}\n`)
  }
}

type Line = Record<string, unknown>

/** Lines that say the run's name; each is one JSON object. */
function functionLines(dataDir: string, runId: string): Line[] {
  return linesIn(functionsLogFile(dataDir)).flatMap(line => (line.includes(runId) ? [parsed(line)] : []))
}

function sayFunctions(lines: Line[], json: boolean): void {
  for (const line of lines) process.stdout.write(`${json ? JSON.stringify(line) : lineText(line)}\n`)
}

/** Answers how many attempts there were. */
function sayAttempts(dataDir: string, { partition, claims = [] }: PartitionRecord, json: boolean): number {
  for (const { jobId, jobAttempt, round, at } of claims) {
    const title = `partition ${partition}, round ${round}, attempt ${jobAttempt} of job ${jobId}, ${at}`
    const lines = linesIn(join(dataDir, 'logs', logStreamName(jobId, jobAttempt))).map(parsed)
    if (!json) process.stdout.write(`== ${title}\n${lines.length === 0 ? '(no log was kept)\n' : ''}`)
    for (const line of lines) {
      const known = { partition, round, jobAttempt, ...line }
      process.stdout.write(`${json ? JSON.stringify(known) : lineText(line)}\n`)
    }
  }
  return claims.length
}

function linesIn(file: string): string[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line !== '')
}

/** What a program wrote that is no JSON, as a crash does, is a message of its own. */
function parsed(line: string): Line {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Line
  } catch {
    // Not JSON: kept as it stands.
  }
  return { message: line }
}

/** The run, the job and the partition stand above the lines already. */
function lineText({ at, time = at, level, function: name, message, ...rest }: Line): string {
  const { runId: _run, jobId: _job, partition: _partition, round: _round, fence: _fence, ...telling } = rest
  const words = Object.entries(name === undefined ? telling : { ...telling, ...partitionOf(rest) }).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const begin = [time, level === undefined ? undefined : String(level).toUpperCase().padEnd(5), name]
  return [...begin, message, ...words].filter(word => word !== undefined).join(' ')
}

function partitionOf({ partition, round }: Line): Line {
  return { ...(round === undefined ? {} : { round }), ...(partition === undefined ? {} : { partition }) }
}
