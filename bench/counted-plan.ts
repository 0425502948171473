/** One object through the real planning function on ports in memory, every call of a port counted. */
import { partition } from '../functions/partition.ts'
import { systemClock } from '../shared/clock.ts'
import { localConfig } from '../shared/config.ts'
import { parseObjectCreated } from '../shared/events.ts'
import { silentLog } from '../shared/log.ts'
import { createMemoryBus } from '../shared/memory/bus.ts'
import { createMemoryChat } from '../shared/memory/chat.ts'
import { createMemoryJobs } from '../shared/memory/jobs.ts'
import { createMemoryRecords } from '../shared/memory/records.ts'
import { parsePipeline } from '../shared/pipeline.ts'
import { runIdOf } from '../shared/plan.ts'
import type { ObjectInfo, ObjectRef, Objects } from '../shared/ports.ts'
import { fromItem, type RunRecord, recordKeys } from '../shared/records.ts'
import type { World } from '../shared/world.ts'

const pipelineName = 'planned'

export interface CountedPlan {
  /** Of one method of a port: `objects.read`. */
  calls(name: string): number
  /** What was registered. */
  record: RunRecord
  wallMs: number
}

/**
 * @param ref lies below the pipeline's prefix, `in/`
 * @param source the pipeline's, but for its prefix
 * Errors: an object that is refused.
 */
export async function countedPlan(
  objects: Objects,
  ref: ObjectRef,
  info: Pick<ObjectInfo, 'bytes' | 'etag'>,
  given: { source: Record<string, unknown>; partitionBytes?: number },
): Promise<CountedPlan> {
  const calls = new Map<string, number>()
  const own = worldOf(objects, given)
  const begin = performance.now()
  const event = createdEvent(ref, info)
  await partition(counting(own, calls), event)
  const wallMs = performance.now() - begin
  const record = await registered(own, event)
  return { calls: name => calls.get(name) ?? 0, record, wallMs }
}

function createdEvent(ref: ObjectRef, { bytes, etag }: Pick<ObjectInfo, 'bytes' | 'etag'>): unknown {
  return {
    source: 'aws.s3',
    'detail-type': 'Object Created',
    detail: {
      bucket: { name: ref.bucket },
      object: { key: ref.key, size: bytes, etag, sequencer: '0000000000000001' },
    },
  }
}

async function registered({ records }: World, event: unknown): Promise<RunRecord> {
  const { source, identity } = parseObjectCreated(event)
  const item = await records.get(recordKeys.run(runIdOf(pipelineName, source, identity)))
  const record = item && fromItem<RunRecord>(item)
  if (record === undefined || record.failure) throw new Error(`not planned: ${record?.failure?.words}`)
  return record
}

function worldOf(objects: Objects, { source, partitionBytes }: Parameters<typeof countedPlan>[3]): World {
  const pipeline = parsePipeline(
    {
      name: pipelineName,
      source: { prefix: 'in/', ...source },
      ...(partitionBytes === undefined ? {} : { split: { partitionBytes } }),
      work: { sql: 'FROM input' },
      output: { prefix: 'out/' },
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
