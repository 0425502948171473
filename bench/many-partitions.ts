/**
 * What a run costs in calls and bytes for each of its partitions, however many: the simulator's whole house, with the
 * real functions and the real worker's claim and last word. `node bench/many-partitions.ts [<partitions> ...]`
 */
import type { PipelineInput } from '../shared/pipeline.ts'
import { fromItem, type RunRecord, recordKeys } from '../shared/records.ts'
import { RunState } from '../shared/vocabulary.ts'
import type { Life } from '../sim/life.ts'
import { type HouseOptions, MemoryHouse } from '../sim/memory-house.ts'
import type { PortCall } from '../sim/port-calls.ts'
import type { Trouble } from '../sim/trouble.ts'
import { costed, noCosts, type PortCosts } from './port-costs.ts'

/** Of a line, and of a partition: each holds one. */
const lineBytes = 12
const reconcilesMax = 3

const sizes = [10, 1_001, 10_001, 100_000] as const

/** One partition in so many fails once, one in so many is reclaimed: 1 %, and 5 %. */
const failsEvery = 100
const reclaimedEvery = 20

export interface ManyPartitions {
  partitions: number
  rounds: number
  attempts: number
  costs: PortCosts
  wallMs: number
}

const manyPipeline: PipelineInput = {
  name: 'many',
  source: { prefix: 'many/', format: 'lines' },
  split: { partitionBytes: lineBytes },
  work: { sql: 'SELECT line FROM input' },
  output: { prefix: 'curated/many/' },
  notify: { slack: '#data', on: [RunState.SUCCEEDED] },
}

/** One run from its drop to its words in Slack. Errors: one that does not succeed, or breaks a promise. */
export async function manyPartitions(partitions: number, troubled: boolean): Promise<ManyPartitions> {
  const begin = performance.now()
  const costs = noCosts()
  const house = manyHouse(partitions, troubled)
  const { drops } = house.config.buckets
  house.ports.watched = costed(
    house.ports.watched,
    costs,
    ({ bucket, key }) => bucket !== drops && !key.includes('/part-'),
  )
  const runId = await house.drop('many/file.txt', manyLines(partitions))
  await house.untilEnded(reconcilesMax)
  const run = await checked(house, runId, partitions)
  const attempts = house.children.processes
  return { partitions, rounds: run.round, attempts, costs, wallMs: performance.now() - begin }
}

/** Takes `many/` in partitions of one line of `manyLines`. */
export function manyHouse(
  partitions: number,
  troubled: boolean,
  options: Partial<HouseOptions> = {},
): MemoryHouse {
  const fault = (call: PortCall, _: number, life: Life) =>
    troubled ? troubleOf(call, life, partitions) : undefined
  return new MemoryHouse({ pipelines: [manyPipeline], gated: false, withContent: false, fault, ...options })
}

export function manyLines(partitions: number): string {
  const lines = Array.from({ length: partitions }, (_, at) => `${at}`.padEnd(lineBytes - 1, '.'))
  return `${lines.join('\n')}\n`
}

/** Of the first attempts, by their number: processes start in the order of the partitions. */
function troubleOf({ name }: PortCall, { nth }: Life, partitions: number): Trouble | undefined {
  if (nth === undefined || nth >= partitions || name !== 'objects.write') return undefined
  if (nth % failsEvery === 1) return { kind: 'dies', when: 'after', end: { exitCode: 75 } }
  if (nth % reclaimedEvery === 2) return { kind: 'dies', when: 'after', end: 'reclaimed' }
  return undefined
}

async function checked(house: MemoryHouse, runId: string, partitions: number): Promise<RunRecord> {
  const item = await house.ports.records.get(recordKeys.run(runId))
  const run = item && fromItem<RunRecord>(item)
  const surprises = [...house.failures.map(({ error }) => String(error)), ...house.ports.invariants.broken]
  if (run?.state !== RunState.SUCCEEDED || run.totals?.recordsRead !== partitions || surprises.length > 0) {
    throw new Error(`${partitions} partitions: ${run?.state}; ${surprises.slice(0, 3).join('; ')}`)
  }
  return run
}

/** Of one call, or of those whose names begin so; for each partition. */
export function callsPerPartition({ costs, partitions }: ManyPartitions, name: string): number {
  const own = Object.entries(costs.calls).filter(([call]) => call.startsWith(name))
  return own.reduce((sum, [, calls]) => sum + calls, 0) / partitions
}

const columns = [
  ['objects.read', 'GET'],
  ['objects.write', 'PUT'],
  ['records.get', 'get'],
  ['records.put', 'put'],
  ['records.update', 'update'],
  ['records.query', 'query'],
] as const
const others = ['objects.head', 'objects.list', 'objects.remove', 'jobs.', 'bus.', 'chat.'] as const

/** Both tables as text. */
export async function manyPartitionsTables(partitions: readonly number[] = sizes): Promise<string> {
  const plain = await table(partitions, false)
  const troubled = await table(partitions, true)
  return [
    'Calls and bytes for each partition; none fails:',
    plain,
    `1 % of the partitions fail once, ${100 / reclaimedEvery} % of the workers are reclaimed without notice:`,
    troubled,
  ].join('\n\n')
}

async function table(partitions: readonly number[], troubled: boolean): Promise<string> {
  const heads = columns.map(([, head]) => head)
  const rows = [
    `| partitions | attempts | ${heads.join(' | ')} | all other calls | documents: bytes read | written | items: bytes read | written | wall s |`,
    `|${'---|'.repeat(heads.length + 8)}`,
  ]
  for (const count of partitions) rows.push(row(await manyPartitions(count, troubled)))
  return rows.join('\n')
}

function row(many: ManyPartitions): string {
  const { partitions, attempts, costs, wallMs } = many
  const calls = columns.map(([name]) => callsPerPartition(many, name))
  const rest = others.reduce((sum, name) => sum + callsPerPartition(many, name), 0)
  const { documentBytesRead, documentBytesWritten, itemBytesRead, itemBytesWritten } = costs
  const bytes = [documentBytesRead, documentBytesWritten, itemBytesRead, itemBytesWritten]
  const cells = [
    partitions,
    attempts,
    ...[...calls, rest].map(each => each.toFixed(4)),
    ...bytes.map(each => (each / partitions).toFixed(0)),
    (wallMs / 1000).toFixed(1),
  ]
  return `| ${cells.join(' | ')} |`
}

if (import.meta.main) {
  const given = process.argv.slice(2).map(Number)
  process.stdout.write(`${await manyPartitionsTables(given.length > 0 ? given : sizes)}\n`)
}
