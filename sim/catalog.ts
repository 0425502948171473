/** The pipelines of the stories that are the simulator's own. */
import type { Pipeline, PipelineInput } from '../shared/pipeline.ts'
import { pipelineSet } from '../shared/pipelines.ts'

const outputFileBytes = 1024 ** 2

export const catalogNames = ['text', 'merged', 'array', 'grouped', 'tolerant', 'once', 'listed'] as const
export type CatalogName = (typeof catalogNames)[number]

/** Text lines, 20 bytes a partition. */
function lines(name: CatalogName, more: Partial<PipelineInput> = {}, source = {}): PipelineInput {
  return {
    name,
    source: { prefix: `${name}/`, format: 'lines', ...source },
    split: { partitionBytes: 20 },
    work: { sql: 'SELECT line FROM input' },
    output: { prefix: `curated/${name}/` },
    notify: { slack: '#data', on: ['FAILED', 'REFUSED', 'RECOVERED', 'SUCCEEDED'] },
    retry: { attempts: 3, backoffSeconds: 30 },
    ...more,
  } as PipelineInput
}

const inputs: Record<CatalogName, PipelineInput> = {
  text: lines('text'),
  merged: lines('merged', { output: { prefix: 'curated/merged/', targetFileBytes: outputFileBytes } }),
  array: lines('array', {}, { format: 'json' }),
  grouped: lines('grouped', { split: { partitionBytes: 60 } }, { group: { seconds: 60, objects: 3 } }),
  tolerant: lines('tolerant', { tolerate: { rejectedRecords: 2 }, retry: { attempts: 1 } }),
  once: lines('once', { notify: { slack: '#data' } }, { skipIdentical: true }),
  listed: lines('listed', { split: { partitionBytes: 60 } }),
}

/** Read once, for all stories. */
export const catalog: readonly Pipeline[] = pipelineSet(inputs)
