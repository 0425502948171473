/** `millrace logs <run> [partition]`: what the functions and the attempts said. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { partitionsOf } from '../functions/steps/gather.ts'
import { logStreamName } from '../local/batch/names.ts'
import { MillraceError } from '../shared/errors.ts'
import type { Claim, PartitionRecord } from '../shared/records.ts'
import { PartitionState } from '../shared/vocabulary.ts'
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
  const { world, close } = await openStage(options, 'look')
  try {
    const run = await loadRunRecord(world, runId)
    const records = await partitionsOf(world, run)
    if (options.stage !== localStage) return sayStreams(chosen(records, runId, partition))
    if (partition === undefined) sayFunctions(options.dataDir, runId)
    for (const record of chosen(records, runId, partition)) sayAttempts(options.dataDir, record)
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

/** In AWS the lines are in CloudWatch Logs; Batch names the stream of each attempt. */
function sayStreams(records: PartitionRecord[]): number {
  for (const { partition, claims = [] } of records) {
    for (const { jobId, jobAttempt, round } of claims) {
      const words = `partition ${partition}, round ${round}, attempt ${jobAttempt}: `
      process.stdout.write(
        `${words}aws batch describe-jobs --jobs ${jobId} --query 'jobs[].attempts[].container.logStreamName'\n`,
      )
    }
  }
  return 0
}

function sayFunctions(dataDir: string, runId: string): void {
  const file = functionsLogFile(dataDir)
  if (!existsSync(file)) return
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.includes(runId)) process.stdout.write(`${line}\n`)
  }
}

function sayAttempts(dataDir: string, { partition, claims = [] }: PartitionRecord): void {
  for (const { jobId, jobAttempt, round, at } of claims as Claim[]) {
    process.stdout.write(
      `== partition ${partition}, round ${round}, attempt ${jobAttempt} of job ${jobId}, ${at}\n`,
    )
    const file = join(dataDir, 'logs', logStreamName(jobId, jobAttempt))
    process.stdout.write(existsSync(file) ? readFileSync(file, 'utf8') : '(no log was kept)\n')
  }
}
