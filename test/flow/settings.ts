/** Pipelines, files and beginnings that the stories share. */
import type { PipelineInput } from '../../shared/pipeline.ts'
import type { RunRecord } from '../../shared/records.ts'
import type { Misfortune } from '../../sim/fates.ts'
import { type HouseOptions, MemoryHouse } from '../../sim/memory-house.ts'
import { runOf } from './endings.ts'

type Given = Partial<Omit<PipelineInput, 'source'>> & { skipIdentical?: boolean }

/** Text lines, 20 bytes a partition, told to `#data` on every occasion unless said otherwise. */
export function linesPipeline({ skipIdentical = false, ...given }: Given = {}): PipelineInput {
  return {
    name: 'text',
    source: { prefix: 'text/', format: 'lines', skipIdentical },
    split: { partitionBytes: 20 },
    work: { sql: 'SELECT line FROM input' },
    output: { prefix: 'curated/text/' },
    notify: { slack: '#data', on: ['FAILED', 'REFUSED', 'RECOVERED', 'SUCCEEDED'] },
    ...given,
  }
}

/** An array of records that is split first, in partitions and pieces of 20 bytes. */
export const arrayPipeline: PipelineInput = {
  ...linesPipeline({ name: 'array', retry: { attempts: 10, backoffSeconds: 30 } }),
  source: { prefix: 'array/', format: 'json' },
  output: { prefix: 'curated/array/' },
}

/** About one partition of 20 bytes each. */
export function arrayOf(records: number): string {
  return `[${Array.from({ length: records }, (_, at) => `{"line":"${at}"}`.padEnd(18)).join(',\n')}]\n`
}

/** Small files become one before they are published. */
export const merged = (pipeline: PipelineInput): PipelineInput => ({
  ...pipeline,
  output: { ...pipeline.output, targetFileBytes: 1024 ** 2 },
})

export const csvPipeline: PipelineInput = {
  name: 'table',
  source: { prefix: 'table/', format: 'csv', columns: { id: 'INTEGER', name: 'VARCHAR' } },
  work: { sql: 'SELECT id, name FROM input' },
  output: { prefix: 'curated/table/' },
  notify: { slack: '#data' },
}

/** Every line fills one partition of 20 bytes. */
export function linesOf(partitions: number, mark = 'line'): string {
  return Array.from({ length: partitions }, (_, at) => `${mark} ${at}`.padEnd(19, '.'))
    .join('\n')
    .concat('\n')
}

/** One file of four partitions, until its run has ended without a reconcile. */
export async function play(
  misfortunes: Misfortune[],
  options: Partial<HouseOptions> = {},
): Promise<{ house: MemoryHouse; runId: string; run: RunRecord }> {
  const house = new MemoryHouse({ pipelines: [linesPipeline()], misfortunes, ...options })
  const runId = await house.drop('text/a.txt', linesOf(4))
  await house.untilEnded()
  return { house, runId, run: await runOf(house, runId) }
}
