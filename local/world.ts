/**
 * The ports of the local stage, for any process: the stack itself, a worker, a command beside a running stack.
 * A worker needs objects and records and starts often, so everything else is imported when it is first used.
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { systemClock } from '../shared/clock.ts'
import { type Config, environment } from '../shared/config.ts'
import { MillraceError } from '../shared/errors.ts'
import { silentLog } from '../shared/log.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import type { Bus, Chat, Clock, Jobs, Log } from '../shared/ports.ts'
import { isSourceBucket } from '../shared/source-bucket.ts'
import type { World } from '../shared/world.ts'
import { deathFrom, dyingAt } from './deaths.ts'
import type { Delivery } from './events/delivery.ts'
import { localRegion, objectCreated } from './events/envelope.ts'
import { type LocalObjects, openLocalObjects } from './objects/objects.ts'
import { openLocalRecords } from './records.ts'
import { slowReads, slowReadsFrom } from './slow-reads.ts'

export interface LocalWorld extends World {
  objects: LocalObjects
  close(): void
}

export interface Endpoints {
  batchUrl: string
  slackUrl: string
}

export interface LocalWorldOptions {
  pipelines?: readonly Pipeline[]
  /** Default: says nothing. */
  log?: Log
  clock?: Clock
  /** The stack's own; other processes open one when they first send. */
  delivery?: Delivery
  /** The stack's own; other processes ask the data folder for the stack that runs. */
  endpoints?: Endpoints
}

/** Errors: none at once; `jobs` and `chat` say NOT_FOUND where no stack is up on the data folder. */
export async function openLocalWorld(config: Config, options: LocalWorldOptions = {}): Promise<LocalWorld> {
  const { pipelines = [], log = silentLog, clock = systemClock } = options
  mkdirSync(config.dataDir, { recursive: true })
  const sending = deliveryOf(config, clock, pipelines, options.delivery)
  const records = openLocalRecords(path.join(config.dataDir, 'records.db'))
  const fault = environment().MILLRACE_LOCAL_FAULT
  const stored = openLocalObjects({
    dir: path.join(config.dataDir, 'objects'),
    dbFile: path.join(config.dataDir, 'objects.db'),
    clock,
    announces: bucket => isSourceBucket(pipelines, bucket, config.buckets.drops),
    announce: async created => {
      const { router } = await sending.open()
      router.putEvents([objectCreated(created, clock.now())])
    },
    ...faultOf(fault),
  })
  const bytesPerSecond = slowReadsFrom(fault)
  const objects = bytesPerSecond === undefined ? stored : slowReads(stored, bytesPerSecond, clock)
  const endpoints = async (): Promise<Endpoints> => options.endpoints ?? (await endpointsOf(config))
  const death = deathFrom(fault)
  const world = {
    config,
    pipelines,
    log,
    clock,
    objects,
    records,
    bus: lateBus(async () => (await sending.open()).bus),
    jobs: lateJobs(once(async () => openJobs((await endpoints()).batchUrl))),
    chat: lateChat(once(async () => openChat((await endpoints()).slackUrl, clock))),
    close: () => {
      objects.close()
      records.close()
      sending.close()
    },
  }
  return death === undefined ? world : dyingAt(world, death)
}

/** Injected by demos and tests into one attempt: the first read meets S3's SlowDown. */
function faultOf(name: string | undefined): { fault?: 'slow-down' } {
  return name === 'slow-down' ? { fault: name } : {}
}

interface Sending {
  open(): Promise<Delivery>
  close(): void
}

/** What was handed in is left open for its owner to close. */
function deliveryOf(
  config: Config,
  clock: Clock,
  pipelines: readonly Pipeline[],
  given: Delivery | undefined,
): Sending {
  let own: Delivery | undefined
  return {
    open: async () => {
      if (given !== undefined) return given
      const { openDelivery, stageWiring } = await import('./events/delivery.ts')
      own ??= openDelivery(config, clock, stageWiring(config, pipelines))
      return own
    },
    close: () => own?.close(),
  }
}

async function endpointsOf(config: Config): Promise<Endpoints> {
  const { runningStack } = await import('./presence.ts')
  const presence = runningStack(config.dataDir)
  if (presence !== undefined) return presence
  throw new MillraceError('NOT_FOUND', `No stack is up on ${config.dataDir}`, {
    remedy: 'Start one with `npx millrace up`.',
  })
}

async function openJobs(batchUrl: string): Promise<Jobs> {
  const [{ createBatchJobs }, client] = await Promise.all([
    import('../shared/aws/jobs.ts'),
    localBatch(batchUrl),
  ])
  return createBatchJobs({ client })
}

/** The ordinary SDK client, told that Batch is on this machine. */
export async function localBatch(
  batchUrl: string,
): Promise<import('../shared/aws/clients.ts').AwsClients['batch']> {
  const { createAwsClients } = await import('../shared/aws/clients.ts')
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  return createAwsClients({ region: localRegion, credentials, endpoints: { batch: batchUrl } }).batch
}

async function openChat(slackUrl: string, clock: Clock): Promise<Chat> {
  const { createSlackChat } = await import('../shared/slack/chat.ts')
  return createSlackChat({ botToken: 'xoxb-local', apiUrl: slackUrl, clock })
}

function lateBus(open: () => Promise<Bus>): Bus {
  return {
    publish: async event => (await open()).publish(event),
    publishAt: async (event, dueAt) => (await open()).publishAt(event, dueAt),
  }
}

function lateJobs(open: () => Promise<Jobs>): Jobs {
  return {
    submit: async request => (await open()).submit(request),
    find: async (name, queue) => (await open()).find(name, queue),
    describe: async jobIds => (await open()).describe(jobIds),
    failures: async (jobId, after) => (await open()).failures(jobId, after),
    terminate: async (jobId, reason) => (await open()).terminate(jobId, reason),
  }
}

function lateChat(open: () => Promise<Chat>): Chat {
  return { post: async message => (await open()).post(message) }
}

/** Kept once it succeeded; tried again after a failure, for a stack may have come up since. */
function once<Value>(open: () => Promise<Value>): () => Promise<Value> {
  let opened: Promise<Value> | undefined
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }
}
