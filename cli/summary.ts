/** What a person reads of an ended run. Pure. */
import { type FailureCode, failureRules } from '../shared/failure.ts'
import { can } from '../shared/lifecycle.ts'
import { taskName } from '../shared/stages.ts'
import { RunState } from '../shared/vocabulary.ts'
import { driftText } from './layout-words.ts'
import { stageOption } from './options.ts'
import type { RunReport } from './report.ts'
import { bytesText, countOf, countText, tableText } from './words.ts'

const listedMax = 10

/** @param stage where the run is; commands to go on with name it */
export function summaryText(report: RunReport, stage: string): string {
  const rows: string[][] = [
    ['run', report.runId],
    ['pipeline', report.pipeline],
    ['status', report.status],
    ['source', report.source],
    ...(report.objects ? [['objects', objectsText(report.objects)]] : []),
    ...(report.drift ? [['drift', driftText(report.drift)]] : []),
    ['rounds', String(report.rounds)],
    ['partitions', `${countText(report.partitions)} (${report.retried} retried)`],
    ...report.retries.slice(0, listedMax).map(retry => ['', retryText(retry)]),
    ...(report.retries.length > listedMax ? [['', `and ${report.retries.length - listedMax} more`]] : []),
    [
      'records',
      `${countText(report.recordsRead)} read, ${countText(report.recordsWritten)} written, ${countText(report.recordsRejected)} rejected${ofWhat(report)}`,
    ],
    ...tableOf(report),
    ...report.rejects.slice(0, listedMax).map((path, at) => [at === 0 ? 'rejects' : '', path]),
    ...(report.certificate ? [['certificate', report.certificate]] : []),
    ...(report.failure
      ? [
          ['why', `${report.failure.code}: ${report.failure.words}`],
          ['remedy', report.failure.remedy],
        ]
      : []),
    ...nextOf(report, stage).map(command => ['go on', command]),
  ]
  return `${tableText(rows)}\n`
}

/** What failed partitions read and rejected is not among them. */
function ofWhat({ status }: RunReport): string {
  return status === RunState.FAILED ? ', in the partitions that are done' : ''
}

function objectsText({ count, bytes }: NonNullable<RunReport['objects']>): string {
  return `${countText(count)} of ${bytesText(bytes)} in all`
}

/** The folder (or prefix) of the run's files. */
function tableOf({ outputs, runId }: RunReport): string[][] {
  const [first] = outputs
  if (first === undefined) return []
  const folder = `run=${runId}/`
  const at = first.indexOf(folder)
  return [['table', `${first.slice(0, at + folder.length)} (${countOf(outputs.length, 'file')})`]]
}

/** A run keeps its source and its pipeline, so another round of it meets the same. */
const noRetryHeals: readonly string[] = ['BAD_INPUT', 'SOURCE_CHANGED'] satisfies FailureCode[]

/** The command that gets a run further that was not published; none where only another drop does. */
export function nextOf(
  { runId, status, failure }: Pick<RunReport, 'runId' | 'status' | 'failure'>,
  stage: string,
): string[] {
  if (can.retry(status) !== true) return []
  const run = `${runId}${stageOption(stage)}`
  if (failure?.code === 'BAD_INPUT') return [`npx millrace reject list ${run}`]
  return failure && noRetryHeals.includes(failure.code) ? [] : [`npx millrace retry ${run}`]
}

function retryText({ partition, round, code, reason }: RunReport['retries'][number]): string {
  const words = code in failureRules ? failureRules[code as keyof typeof failureRules].words : reason
  return `${taskName(partition)}, round ${round}: ${code} (${words})`
}
