/** The in-memory twins, every write of which is held against the invariants. */
import { defaultBus, objectCreated } from '../local/events/envelope.ts'
import type { Certificate } from '../shared/certificate.ts'
import type { Config } from '../shared/config.ts'
import { createMemoryBus, type MemoryBus } from '../shared/memory/bus.ts'
import { createMemoryChat, type MemoryChat } from '../shared/memory/chat.ts'
import { createMemoryClock, type MemoryClock } from '../shared/memory/clock.ts'
import type { BatchStateChange } from '../shared/memory/job-events.ts'
import { createMemoryJobs, type MemoryJobs } from '../shared/memory/jobs.ts'
import { createMemoryObjects } from '../shared/memory/objects.ts'
import { createMemoryRecords } from '../shared/memory/records.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import type { Objects, Ports, Records, WriteOptions } from '../shared/ports.ts'
import { isSourceBucket } from '../shared/source-bucket.ts'
import { Invariants } from './invariants.ts'
import { faultsOf } from './proof.ts'
import { staleIndexes } from './stale.ts'
import { watchedObjects } from './watched-objects.ts'

const startMs = Date.UTC(2026, 0, 31, 12)

/** `bucket`: default the stage's drops bucket. */
export type DropOptions = WriteOptions & { bucket?: string }

export interface PortOptions {
  seed?: number
  /** How long Batch does not show a new job. */
  visibleAfterMs?: number
  /** The same, where it changes. */
  lagMs?: () => number
  /** How long ago it was what indexes show. */
  staleMs?: () => number
  /** By how much a job may be early, since clocks differ. */
  skewToleratedMs?: number
  /** Puts a fault into the table. */
  spoiled?: (records: Records) => Records
  /** Looks on: what each function, worker or person is handed in place of these ports. */
  observed?: (ports: Ports, by: string) => Ports
  /** EventBridge is told of new objects in the buckets that they take them from; default: the drops bucket alone. */
  deployed?: readonly Pipeline[]
  /** Buckets that keep no versions. */
  unversioned?: readonly string[]
  /** Outputs are compared byte for byte with the source (default), where there are not too many. */
  withContent?: boolean
}

export interface HousePorts {
  clock: MemoryClock
  bus: MemoryBus
  chat: MemoryChat
  jobs: MemoryJobs
  records: Records
  objects: Objects
  invariants: Invariants
  certificates: Certificate[]
  /** What the house is handed: the same, watched. */
  watched: Ports
}

/** `route` takes every event of S3 and Batch, with its bus. */
export function openHousePorts(
  config: Config,
  {
    seed = 1,
    visibleAfterMs = 0,
    lagMs,
    staleMs,
    skewToleratedMs = 0,
    withContent = true,
    deployed = [],
    unversioned = [],
    spoiled = records => records,
  }: PortOptions,
  route: (bus: string, event: unknown) => void,
): HousePorts {
  const clock = createMemoryClock(startMs, seed)
  const [bus, chat, records] = [createMemoryBus(clock), createMemoryChat(), spoiled(createMemoryRecords())]
  const onStateChange = (event: BatchStateChange): void => route(defaultBus, event)
  const jobs = createMemoryJobs({ clock, visibleAfterMs: lagMs ?? visibleAfterMs, onStateChange })
  const objects = createMemoryObjects({
    versioned: bucket => !unversioned.includes(bucket),
    clock,
    onCreated: (bucket, key, { metadata: _, ...info }) => {
      if (!isSourceBucket(deployed, bucket, config.buckets.drops)) return
      route(defaultBus, objectCreated({ bucket, key, ...info }, clock.now()))
    },
  })
  const invariants = new Invariants(records, clock, skewToleratedMs)
  const certificates: Certificate[] = []
  const certified = async (text: string): Promise<void> => {
    const certificate = JSON.parse(text) as Certificate
    certificates.push(certificate)
    const faults = await faultsOf(certificate, { objects, records }, withContent)
    for (const fault of faults) invariants.breach('All or nothing', fault)
  }
  const watched = {
    objects: watchedObjects(objects, invariants, config.buckets.output, certified),
    records: staleMs ? staleIndexes(invariants.records(), clock, staleMs) : invariants.records(),
    jobs: invariants.jobs(jobs),
    bus,
    chat: invariants.chat(chat),
    clock,
  }
  return { clock, bus, chat, jobs, records, objects, invariants, certificates, watched }
}
