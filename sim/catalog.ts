/** The pipelines of the stories that are the simulator's own. */
import type { Pipeline, PipelineInput } from '../shared/pipeline.ts'
import { pipelineSet } from '../shared/pipelines.ts'
import { Occasion } from '../shared/vocabulary.ts'

const outputFileBytes = 1024 ** 2

type CatalogName = 'text' | 'merged' | 'array' | 'grouped' | 'tolerant' | 'once' | 'listed'

/** Text lines, 20 bytes a partition. */
function lines(name: CatalogName, more: Partial<PipelineInput> = {}, source = {}): PipelineInput {
  return {
    name,
    source: { prefix: `${name}/`, format: 'lines', ...source },
    split: { partitionBytes: 20 },
    work: { sql: 'SELECT line FROM input' },
    output: { prefix: `curated/${name}/` },
    notify: { slack: '#data', on: Object.values(Occasion) },
    retry: { attempts: 3, backoffSeconds: 30 },
    ...more,
  } as PipelineInput
}

/** Stops at two partitions that fail alike, and leaves Spot at the first reclaim. */
const touchy = { attempts: 3, backoffSeconds: 30, reclaimsOnSpot: 1, breakerPartitions: 2 }

const inputs: Record<CatalogName, PipelineInput> = {
  text: lines('text'),
  merged: lines('merged', { output: { prefix: 'curated/merged/', targetFileBytes: outputFileBytes } }),
  array: lines('array', {}, { format: 'json' }),
  grouped: lines('grouped', { split: { partitionBytes: 60 } }, { group: { seconds: 60, objects: 3 } }),
  tolerant: lines('tolerant', { tolerate: { rejectedRecords: 2 }, retry: { attempts: 1 } }),
  once: lines('once', { notify: { slack: '#data' }, retry: touchy }, { skipIdentical: true }),
  listed: lines('listed', { split: { partitionBytes: 60 } }),
}

/** Read once, for all stories. */
export const catalog: readonly Pipeline[] = pipelineSet(inputs)
/** Its files come in manifests. */
export const listedName: CatalogName = 'listed'

/** How a user's own pipeline is played: by its own rules, on records made up. */
export function playable(own: Pipeline): { pipeline: Pipeline; instead?: string } {
  const format = own.source.format === 'json' ? 'json' : 'lines'
  const stand = catalog.find(({ source }) => source.format === format)
  if (stand === undefined) throw new TypeError(`no pipeline of the simulator takes ${format}`)
  const { prefix, skipIdentical, group } = own.source
  const source = { ...stand.source, prefix, skipIdentical, ...(group ? { group } : {}) }
  const output = { ...stand.output, prefix: own.output.prefix, targetFileBytes: own.output.targetFileBytes }
  const { name, retry, tolerate, notify } = own
  const pipeline = { ...stand, name, source, retry, tolerate, notify, output } as Pipeline
  return own.source.format === format ? { pipeline } : { pipeline, instead: own.source.format }
}
