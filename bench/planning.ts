/** What planning costs: calls to each port and time, for 10, 1,000 and 10,000 partitions. */
import { partition } from '../functions/partition.ts'
import { systemClock } from '../shared/clock.ts'
import { localConfig } from '../shared/config.ts'
import { silentLog } from '../shared/log.ts'
import { createMemoryBus } from '../shared/memory/bus.ts'
import { createMemoryChat } from '../shared/memory/chat.ts'
import { createMemoryJobs } from '../shared/memory/jobs.ts'
import { type CreatedInfo, createMemoryObjects } from '../shared/memory/objects.ts'
import { createMemoryRecords } from '../shared/memory/records.ts'
import { parsePipeline } from '../shared/pipeline.ts'
import type { World } from '../shared/world.ts'

const partitionBytes = 100
const sizes = [10, 1000, 10_000] as const

export async function planningTable(): Promise<string> {
  const rows: string[] = []
  for (const partitions of sizes) rows.push(await planned(partitions))
  return [
    '| partitions | HEAD | GET (bytes) | PUT | record reads | record writes | events | wall ms |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

async function planned(partitions: number): Promise<string> {
  const created: CreatedInfo[] = []
  const objects = createMemoryObjects({ onCreated: (_bucket, _key, info) => void created.push(info) })
  const ref = { bucket: 'drops', key: 'lines/big.txt' }
  await objects.write(ref, Buffer.alloc(partitions * partitionBytes, `${'x'.repeat(49)}\n`))
  const info = created[0]
  if (info === undefined) throw new TypeError('the object was not announced')
  const calls = new Map<string, number>()
  const world = counting(worldOf(objects), calls)
  const begin = performance.now()
  await partition(world, {
    source: 'aws.s3',
    'detail-type': 'Object Created',
    detail: {
      bucket: { name: ref.bucket },
      object: {
        key: ref.key,
        size: info.bytes,
        etag: info.etag,
        'version-id': info.version,
        sequencer: info.sequencer,
      },
    },
  })
  const wallMs = performance.now() - begin
  const count = (name: string): number => calls.get(name) ?? 0
  const headBytes = Math.min(partitions * partitionBytes, 64 * 1024)
  const records = `${count('records.get')} | ${count('records.put') + count('records.update')}`
  const objectCalls = `${count('objects.head')} | ${count('objects.read')} (${headBytes}) | ${count('objects.write')}`
  return `| ${partitions} | ${objectCalls} | ${records} | ${count('bus.publish')} | ${wallMs.toFixed(0)} |`
}

function worldOf(objects: World['objects']): World {
  const pipeline = parsePipeline(
    {
      name: 'lines',
      source: { prefix: 'lines/', format: 'lines' },
      split: { partitionBytes },
      work: { sql: 'FROM input' },
      output: { prefix: 'lines/' },
    },
    'bench',
  )
  return {
    objects,
    records: createMemoryRecords(),
    jobs: createMemoryJobs({ clock: systemClock }),
    bus: createMemoryBus(systemClock),
    chat: createMemoryChat(),
    clock: systemClock,
    config: localConfig('', ''),
    pipelines: [pipeline],
    log: silentLog,
  }
}

/** The same world, each call of its ports counted as `<port>.<method>`. */
function counting(world: World, calls: Map<string, number>): World {
  const counted = <Port extends object>(name: string, port: Port): Port =>
    new Proxy(port, {
      get: (target, method) => {
        const value: unknown = Reflect.get(target, method)
        if (typeof value !== 'function') return value
        return (...args: unknown[]): unknown => {
          const key = `${name}.${String(method)}`
          calls.set(key, (calls.get(key) ?? 0) + 1)
          return Reflect.apply(value, target, args)
        }
      },
    })
  return {
    ...world,
    objects: counted('objects', world.objects),
    records: counted('records', world.records),
    bus: counted('bus', world.bus),
  }
}
