/** `millrace plan <file>`: what a drop would become, before anything is spent. */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { loadPipelines } from '../local/pipelines.ts'
import { MillraceError } from '../shared/errors.ts'
import { isRefusal } from '../shared/plan/refusal.ts'
import { cut, headBytesMax, type Look, planRun, runIdOf } from '../shared/plan.ts'
import type { ByteRange } from '../shared/ports.ts'
import { choosePipeline } from './drop.ts'
import type { GlobalOptions } from './options.ts'
import { bytesText, countText, tableText } from './words.ts'

const rangesShownMax = 5

export interface PlanOptions extends GlobalOptions {
  pipeline?: string
  partitionBytes?: number
}

/** @returns 0, or 1 where the file would be REFUSED */
export async function planFile(file: string, options: PlanOptions): Promise<number> {
  const pipeline = choosePipeline(await loadPipelines(options.pipelinesDir), options.pipeline)
  const look = lookAtFile(file, `${pipeline.source.prefix}${basename(file)}`)
  const { source } = look
  const { bytes } = source
  const plan = await planRun(runIdOf(pipeline.name, source, 'plan'), pipeline, look, options.partitionBytes)
  if (isRefusal(plan)) {
    process.stdout.write(options.json ? `${JSON.stringify({ refused: plan })}\n` : refusalText(plan))
    return 1
  }
  const { columns, dataStart, partitionBytes, partitions } = plan
  const ranges = Array.from({ length: Math.min(partitions, rangesShownMax) }, (_, at) => cut(plan, at))
  const facts = {
    pipeline: pipeline.name,
    key: source.key,
    bytes,
    dataStart,
    partitionBytes,
    partitions,
    columns,
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ ...facts, ranges })}\n`)
  else process.stdout.write(planText({ ...facts, ranges }))
  return 0
}

/** Errors: NOT_FOUND. */
export function lookAtFile(file: string, key: string): Look {
  const source = { bucket: 'drops', key, bytes: sizeOf(file), etag: '' }
  const read = (range: ByteRange): Buffer => readFileRange(file, range)
  const head = read({ start: 0, end: Math.min(source.bytes, headBytesMax) })
  return { source, head, read: async range => read(range) }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

function readFileRange(file: string, { start, end }: ByteRange): Buffer {
  try {
    const opened = openSync(file, 'r')
    try {
      const bytes = Buffer.alloc(Math.max(0, end - start))
      return bytes.subarray(0, readSync(opened, bytes, 0, bytes.length, start))
    } finally {
      closeSync(opened)
    }
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

function unreadable(file: string, cause: unknown): MillraceError {
  return new MillraceError('NOT_FOUND', `Cannot read ${file}`, {
    cause,
    remedy: 'Give the path of a file that exists.',
  })
}

function refusalText(refused: { code: string; words: string; remedy: string }): string {
  return `This file would be REFUSED.\n${tableText([
    ['code', refused.code],
    ['why', refused.words],
    ['remedy', refused.remedy],
  ])}\n`
}

interface PlanFacts {
  pipeline: string
  key: string
  bytes: number
  dataStart: number
  partitionBytes: number
  partitions: number
  columns: { name: string; type: string }[]
  ranges: { partition: number; start: number; end: number }[]
}

function sizeText(bytes: number): string {
  return bytes < 1024 ? bytesText(bytes) : `${bytesText(bytes)} (${countText(bytes)} bytes)`
}

function planText(plan: PlanFacts): string {
  const rows = [
    ['pipeline', plan.pipeline],
    ['key', plan.key],
    ['size', `${sizeText(plan.bytes)}, records from byte ${plan.dataStart}`],
    ['partitions', `${countText(plan.partitions)} of ${bytesText(plan.partitionBytes)}`],
    ...plan.ranges.map(({ partition, start, end }) => [
      '',
      `${partition}: the records that begin in [${start}, ${end})`,
    ]),
    ...(plan.partitions > plan.ranges.length ? [['', '...']] : []),
    ...plan.columns.map(({ name, type }, at) => [at === 0 ? 'columns' : '', `${name} ${type}`]),
  ]
  return `${tableText(rows)}\n`
}
