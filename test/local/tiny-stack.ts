/** The whole stack with one tiny pipeline, and how to wait for what it does. */
import path from 'node:path'
import { type Stack, startStack } from '../../local/stack.ts'
import { parsePipeline } from '../../shared/pipeline.ts'
import { fromItem, type RunRecord, recordKeys } from '../../shared/records.ts'
import type { RunState } from '../../shared/vocabulary.ts'

export const records = 600
export const pipeline = parsePipeline(
  {
    name: 'tiny',
    source: { prefix: 'in/', format: 'csv', columns: { id: 'INTEGER', name: 'VARCHAR' } },
    split: { partitionBytes: 1000 },
    work: { sql: 'SELECT id, upper(name) AS name FROM input' },
    output: { prefix: 'out/' },
    job: { memoryMiB: 512 },
    retry: { backoffSeconds: 0 },
    notify: { slack: '#tiny', on: ['SUCCEEDED', 'FAILED', 'REFUSED', 'RECOVERED'] },
  },
  'tiny.ts',
)

export const ref = { bucket: 'drops', key: 'in/a file + ü.csv' }

export function csv(): Buffer {
  const lines = Array.from({ length: records }, (_, id) => `${id},name ${id}`)
  return Buffer.from(`id,name\n${lines.join('\n')}\n`)
}

export type Line = { level: string; message: string; fields: Record<string, unknown> | undefined }

export async function tinyStack(dataDir: string, lines: Line[] = []): Promise<Stack> {
  const write = (level: string) => (message: string, fields?: Record<string, unknown>) => {
    lines.push({ level, message, fields })
  }
  const log = { info: write('info'), warn: write('warn'), error: write('error') }
  const pipelinesDir = path.join(dataDir, 'pipelines')
  return startStack({ dataDir, pipelinesDir, pipelines: [pipeline], cores: 2, log })
}

/** The only run there is, when it has reached one of `states`. Looks again whenever an event was sent on. */
export async function runIn(stack: Stack, states: readonly RunState[]): Promise<RunRecord> {
  const reached = Promise.withResolvers<RunRecord>()
  const look = async (): Promise<void> => {
    const { items } = await stack.world.records.query({ index: 'pipeline', pk: pipeline.name })
    const [run] = items.map(item => fromItem<RunRecord>(item))
    if (run !== undefined && states.includes(run.state)) reached.resolve(run)
  }
  const unsubscribe = stack.queues.on('sent', () => void look().catch(reached.reject))
  try {
    await look()
    return await reached.promise
  } finally {
    unsubscribe()
  }
}

export async function partitionsOf(stack: Stack, run: RunRecord) {
  const keys = Array.from({ length: run.partitions }, (_, partition) =>
    recordKeys.partition(run.runId, partition),
  )
  return Promise.all(keys.map(key => stack.world.records.get(key)))
}

/** Every queue is empty but for what is delayed. Looks again whenever a message was done. */
export async function drained(stack: Stack): Promise<void> {
  const empty = Promise.withResolvers<void>()
  const look = (): void => {
    const depths = Object.values(stack.queues.depths())
    if (depths.every(depth => depth.waiting + depth.inFlight === 0)) empty.resolve()
  }
  const unsubscribe = stack.queues.on('removed', look)
  look()
  await empty.promise
  unsubscribe()
}
