/** Pipelines and files that the stories share. */
import type { PipelineInput } from '../../shared/pipeline.ts'

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
