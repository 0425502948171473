/** `millrace runs`, `show`, `retry`, `cancel`. */

import { partitionsOf } from '../functions/steps/gather.ts'
import { retryRun } from '../functions/steps/retry.ts'
import { cancelRun } from '../functions/steps/stop.ts'
import { setbacks } from '../shared/certificate.ts'
import { isOpen } from '../shared/lifecycle.ts'
import { fromItem, type Lane, type PartitionRecord, type RunRecord } from '../shared/records.ts'
import { failureGroups } from '../shared/slack/failure-groups.ts'
import { PartitionState, RunState } from '../shared/vocabulary.ts'
import type { World } from '../shared/world.ts'
import { type GlobalOptions, stageOption } from './options.ts'
import { followRun, progressText, snapshot } from './progress.ts'
import { firstRejects, rejectsText } from './rejects.ts'
import { loadRunRecord, reportOf, runLine } from './report.ts'
import { openStage } from './stage.ts'
import { nextOf, summaryText } from './summary.ts'
import { bytesText, countOf, countText, tableText } from './words.ts'

const partitionsShownMax = 20

export async function listRuns(
  options: GlobalOptions & { limit: number; pipeline?: string },
): Promise<number> {
  const { world, close } = await openStage(options, 'look')
  try {
    const runs = await newestRuns(world, options.limit, options.pipeline)
    if (options.json) for (const run of runs) process.stdout.write(`${JSON.stringify(runLine(run))}\n`)
    else
      process.stdout.write(
        runs.length === 0 ? noRunsText(world) : `${runsText(runs)}${ofWhich(world, options.pipeline)}`,
      )
  } finally {
    await close()
  }
  return 0
}

async function newestRuns(world: World, limit: number, pipeline: string | undefined): Promise<RunRecord[]> {
  const names = pipeline === undefined ? world.pipelines.map(({ name }) => name) : [pipeline]
  const found: RunRecord[] = []
  for (const name of names) {
    const { items } = await world.records.query({ index: 'pipeline', pk: name, newestFirst: true, limit })
    found.push(...items.map(item => fromItem<RunRecord>(item)))
  }
  return found.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt)).slice(0, limit)
}

function noRunsText({ pipelines, config }: World): string {
  const names = pipelines.map(({ name }) => name).join(', ')
  return `No runs yet of the pipelines in ${config.pipelinesDir}: ${names}.\nDrop a file: npx millrace drop <file>\n`
}

/** A run of a pipeline in another folder is not listed, and nobody should take it for lost. */
function ofWhich({ pipelines, config }: World, pipeline: string | undefined): string {
  if (pipeline !== undefined) return ''
  const names = pipelines.map(({ name }) => name).join(', ')
  return `\nOf the pipelines in ${config.pipelinesDir}: ${names}. Others: --pipelines <dir>, or --pipeline <name>\n`
}

function runsText(runs: RunRecord[]): string {
  const rows = runs.map(run => [
    run.runId,
    run.state,
    run.pipeline,
    run.createdAt.slice(0, 19).replace('T', ' '),
    countText(run.partitions),
    bytesText(run.objects?.bytes ?? run.source.bytes),
    run.objects ? `${run.source.key} (${countOf(run.objects.count, 'object')})` : run.source.key,
  ])
  return `${tableText([['RUN', 'STATE', 'PIPELINE', 'CREATED (UTC)', 'PARTITIONS', 'SIZE', 'KEY'], ...rows])}\n`
}

export async function showRun(runId: string, options: GlobalOptions & { all: boolean }): Promise<number> {
  const { world, place, close } = await openStage(options, 'look', false)
  try {
    const run = await loadRunRecord(world, runId)
    const report = await reportOf(world, run, place)
    const partitions = await partitionsOf(world, run)
    const rejected = await firstRejects(world, run, partitions)
    if (options.json) {
      const more = { source: run.source, firstRejects: rejected, partitionRecords: partitions }
      process.stdout.write(`${JSON.stringify({ ...report, ...more })}\n`)
      return 0
    }
    if (isOpen(run.state)) process.stdout.write(`${progressText(await snapshot(world, run))}\n`)
    process.stdout.write(summaryText(report, options.stage))
    process.stdout.write(rejectsText(rejected, report.recordsRejected))
    process.stdout.write(partitionsText(partitions, options.all))
    for (const command of nextOf(report, options.stage)) process.stdout.write(`\n${command}\n`)
  } finally {
    await close()
  }
  return 0
}

/** The ones that need an eye first: failed, then retried, then the rest. */
function weight(record: PartitionRecord): number {
  return (record.state === PartitionState.FAILED ? 2 : 0) + (setbacks(record).length > 0 ? 1 : 0)
}

function partitionsText(partitions: PartitionRecord[], all: boolean): string {
  if (partitions.length === 0) return ''
  const shown = partitions
    .toSorted((a, b) => weight(b) - weight(a))
    .slice(0, all ? undefined : partitionsShownMax)
  const rows = shown.map(record => [
    String(record.partition),
    record.state,
    record.report?.range ? `[${record.report.range.start}, ${record.report.range.end})` : '-',
    countText(record.report?.recordsRead ?? 0),
    String(record.fence),
    [...setbacks(record).map(({ round, code }) => `${code} in round ${round}`), ...leftText(record)].join(
      ', ',
    ),
  ])
  const header = ['PARTITION', 'STATE', 'RANGE', 'RECORDS', 'ATTEMPTS', 'SETBACKS']
  const hidden = partitions.length - shown.length
  const more = hidden > 0 ? `and ${countText(hidden)} more; --all shows them\n` : ''
  const groups = failureGroups(partitions).map(
    ({ count, code, example }) => `${count} x ${code}: ${example.reason}`,
  )
  return `\n${tableText([header, ...rows])}\n${more}${groups.length > 0 ? `\n${groups.join('\n')}\n` : ''}`
}

const whyLeft = { notice: 'its machine was about to go', asked: 'it was far behind the others' } as const

function leftText({ report }: PartitionRecord): string[] {
  const { rest } = report ?? {}
  return rest ? [`left off at ${rest.at}: ${whyLeft[rest.why]}`] : []
}

/** @param lane what its jobs may take, where that is not what the pipeline says */
export async function retry(
  runId: string,
  lane: Lane,
  options: GlobalOptions & { wait: boolean },
): Promise<number> {
  const act = (world: World): Promise<RunRecord> => retryRun(world, runId, lane)
  const words = ({ round }: RunRecord): string => `round ${round} of ${runId} is due`
  return askAndFollow(options, { act, words, wanted: [RunState.SUCCEEDED] })
}

/** Its jobs are told to end at once; the run is CANCELLED when the last of them has. */
export async function cancel(
  runId: string,
  options: GlobalOptions & { wait: boolean; reason?: string },
): Promise<number> {
  const act = (world: World): Promise<RunRecord> => cancelRun(world, runId, options.reason)
  const words = ({ stopping }: RunRecord): string =>
    `${runId} is being stopped: ${stopping?.words}\nGo on with: npx millrace retry ${runId}${stageOption(options.stage)}`
  return askAndFollow(options, { act, words, wanted: [RunState.CANCELLED] })
}

/** Without `--wait`, a local stack of this command's own is waited for none the less: it ends with the command. */
async function askAndFollow(
  options: GlobalOptions & { wait: boolean },
  asked: {
    act: (world: World) => Promise<RunRecord>
    words: (run: RunRecord) => string
    wanted: RunState[]
  },
): Promise<number> {
  const opened = await openStage(options, 'work')
  const { world } = opened
  try {
    const run = await asked.act(world)
    const wait = options.wait || opened.stack !== undefined
    if (!wait) process.stdout.write(`${options.json ? JSON.stringify(runLine(run)) : asked.words(run)}\n`)
    if (!wait) return 0
    const ended = await followRun(world, run.runId, options.json, opened)
    const report = await reportOf(world, ended, opened.place)
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : summaryText(report, options.stage))
    return asked.wanted.includes(ended.state) ? 0 : 1
  } finally {
    await opened.close()
  }
}
