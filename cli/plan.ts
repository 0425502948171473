/** `millrace plan <file>`: what a drop would become, before anything is spent. */
import { basename } from 'node:path'
import { loadPipelines } from '../local/pipelines.ts'
import { inputColumns } from '../shared/added-columns.ts'
import type { RunDocument } from '../shared/documents.ts'
import { isCommand } from '../shared/pipeline/work.ts'
import { isRefusal, type Refusal } from '../shared/plan/refusal.ts'
import { cut, planRun, runIdOf } from '../shared/plan.ts'
import { choosePipeline } from './drop.ts'
import { layoutFacts } from './layout-words.ts'
import { lookAtFile } from './look.ts'
import type { GlobalOptions } from './options.ts'
import { bytesText, countText, tableText } from './words.ts'

const rangesShownMax = 5
const commandCharactersMax = 100

export interface PlanOptions extends GlobalOptions {
  pipeline?: string
  partitionBytes?: number
}

/** @returns 0, or 1 where the file would be REFUSED */
export async function planFile(file: string, options: PlanOptions): Promise<number> {
  const pipeline = choosePipeline(await loadPipelines(options.pipelinesDir), options.pipeline)
  const look = lookAtFile(file, `${pipeline.source.prefix}${basename(file)}`, pipeline.source.bucket)
  const runId = runIdOf(pipeline.name, look.source, 'plan')
  const plan = await planRun(runId, pipeline, look, options.partitionBytes)
  if (isRefusal(plan)) {
    process.stdout.write(options.json ? `${JSON.stringify({ refused: plan })}\n` : refusalText(plan))
    return 1
  }
  process.stdout.write(options.json ? `${JSON.stringify(planJson(plan))}\n` : planText(plan))
  return 0
}

export function refusalText({ code, words, remedy }: Refusal): string {
  return `This file would be REFUSED.\n${tableText([
    ['code', code],
    ['why', words],
    ['remedy', remedy],
  ])}\n`
}

function rangesOf(plan: RunDocument): { partition: number; start: number; end: number }[] {
  const shown = Math.min(plan.partitions, rangesShownMax)
  return Array.from({ length: shown }, (_, at) => cut(plan, at))
}

function planJson(plan: RunDocument): object {
  const { pipeline, source, columns, layout, dataStart, dataEnd, partitionBytes, partitions } = plan
  return {
    pipeline: pipeline.name,
    key: source.key,
    bytes: source.bytes,
    layout,
    /** Which of the layout were found in the file, not told by the pipeline. */
    sniffed: layoutFacts(plan)
      .filter(fact => fact.sniffed)
      .map(fact => fact.name),
    dataStart,
    dataEnd,
    partitionBytes,
    partitions,
    columns,
    inputColumns: inputColumns(pipeline.source, columns),
    ranges: rangesOf(plan),
  }
}

function planText(plan: RunDocument): string {
  const { pipeline, source, partitions, columns } = plan
  const input = inputColumns(pipeline.source, columns)
  const rows = [
    ['pipeline', pipeline.name],
    ['key', source.key],
    ['size', `${sizeText(source.bytes)}, records from byte ${plan.dataStart}`],
    ...layoutFacts(plan).map(({ name, words, sniffed }) => [name, sniffed ? `${words} (sniffed)` : words]),
    ['partitions', partitionsText(plan)],
    ...rangesOf(plan).map(range => ['', rangeText(plan, range)]),
    ...(partitions > rangesShownMax ? [['', '...']] : []),
    ...input.map(({ name, type }, at) => [at === 0 ? 'columns' : '', `${name} ${type}`]),
    ...commandRows(pipeline.work),
  ]
  return `${tableText(rows)}\n`
}

function commandRows(work: RunDocument['pipeline']['work']): string[][] {
  if (!isCommand(work)) return []
  const results = Object.entries(work.columns)
  return [
    ['command', `${work.command.join(' ').slice(0, commandCharactersMax)} (records as ${work.input})`],
    ...results.map(([name, type], at) => [at === 0 ? 'results' : '', `${name} ${type}`]),
  ]
}

function sizeText(bytes: number): string {
  return bytes < 1024 ? bytesText(bytes) : `${bytesText(bytes)} (${countText(bytes)} bytes)`
}

function partitionsText({ layout, partitions, partitionBytes }: RunDocument): string {
  if (layout.space === 'pieces') return 'known once the split stage has read the stream'
  if (layout.space === 'rowGroups') return `${countText(partitions)} of ${partitionBytes} row groups`
  return `${countText(partitions)} of ${bytesText(partitionBytes)}`
}

function rangeText({ layout }: RunDocument, { partition, start, end }: ReturnType<typeof cut>): string {
  const what = layout.space === 'rowGroups' ? 'row groups' : 'the records that begin in'
  return `${partition}: ${what} [${start}, ${end})`
}
