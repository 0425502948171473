/** The whole of Millrace on one machine: opened in order, ended in the reverse order. */
import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { isoTime, systemClock } from '../shared/clock.ts'
import { type Config, environment, localConfig } from '../shared/config.ts'
import type { Pipeline } from '../shared/pipeline.ts'
import type { Clock, Log } from '../shared/ports.ts'
import { type BatchServer, openBatch } from './batch/stack.ts'
import { mortalFrom } from './deaths.ts'
import { type Delivery, openDelivery, stageWiring } from './events/delivery.ts'
import { type Heartbeat, startHeartbeat } from './events/heartbeat.ts'
import type { Depth, Message } from './events/queues.ts'
import type { Handler } from './lambda/invoke.ts'
import { type LambdaRuntime, startLambda } from './lambda/runtime.ts'
import { endLeases } from './leases.ts'
import { pipelineMarks } from './pipelines.ts'
import { occupy } from './presence.ts'
import type { Wiring } from './serverless/wiring.ts'
import { type SlackSink, startSlackSink } from './slack-sink.ts'
import { type LocalWorld, openLocalWorld } from './world.ts'

export interface StackOptions {
  dataDir: string
  pipelinesDir: string
  pipelines: readonly Pipeline[]
  /** Worker processes run side by side on at most so many; default all of the machine's. */
  cores?: number
  clock?: Clock
  /** Default: what serverless.yml says. */
  wiring?: Wiring
  log: Log
}

export interface QueueView {
  /** Of every queue of serverless.yml and of every function's own events. */
  depths(): Record<string, Depth>
  /** What was given up, by dead-letter queue; at most `deadLettersShownMax` of each. */
  deadLetters(): Record<string, Message[]>
  /** Calls `listener` after each event that this process has sent on, or done; the returned function ends that. */
  on(happening: 'sent' | 'removed', listener: () => void): () => void
}

export interface Stack {
  world: LocalWorld
  urls: { batch: string; slack: string }
  batch: BatchServer
  sink: SlackSink
  queues: QueueView
  /** Ends everything it started, waits for it, and leaves on disk what the next start goes on with. */
  stop(): Promise<void>
}

/** How soon the stack sees what other processes sent, and what has become due. */
const beatMs = 200
const deadLettersShownMax = 100

/**
 * Errors: NOT_ALLOWED where a stack runs on the data folder; CONFIG_INVALID where serverless.yml asks for what
 * cannot be done here. Whatever was started by then is ended.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const closers: (() => void | Promise<void>)[] = []
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopping ??= closeAll(closers)
    return stopping
  }
  try {
    const parts = await open(options, closers)
    return { ...parts, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Every one is closed, even where another fails to; the first failure is thrown. */
async function closeAll(closers: (() => void | Promise<void>)[]): Promise<void> {
  const failures: unknown[] = []
  for (const close of closers.toReversed()) {
    try {
      await close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

type Closers = (() => void | Promise<void>)[]

async function open(options: StackOptions, closers: Closers): Promise<Omit<Stack, 'stop'>> {
  const { pipelines, log, clock = systemClock, cores = availableParallelism() } = options
  const config = localConfig(path.resolve(options.dataDir), path.resolve(options.pipelinesDir))
  mkdirSync(config.dataDir, { recursive: true })
  const occupancy = occupy(config.dataDir)
  closers.push(() => occupancy.leave())
  const delivery = openDelivery(config, clock, options.wiring ?? stageWiring(config, pipelines))
  closers.push(() => delivery.close())
  const again = delivery.queues.recover()
  if (again > 0) log.info('messages that were in flight are delivered again', { messages: again })
  const sink = await startSlackSink({ file: path.join(config.dataDir, 'slack.ndjson'), clock })
  closers.push(() => sink.stop())
  const batch = await openBatch({ config, cores, clock, log, delivery })
  closers.push(() => batch.stop())
  const urls = { batch: batch.url, slack: sink.apiUrl }
  const endpoints = { batchUrl: urls.batch, slackUrl: urls.slack }
  const world = await openLocalWorld(config, { pipelines, log, clock, delivery, endpoints })
  closers.push(() => world.close())
  const leases = await endLeases(world)
  if (leases > 0) log.info('what functions of an earlier stack had begun is taken up at once', { leases })
  const pump = startPump({ config, clock, log, delivery, world })
  closers.push(() => pump.stop())
  occupancy.announce({
    pid: process.pid,
    startedAt: isoTime(clock.now()),
    ...endpoints,
    pipelinesDir: config.pipelinesDir,
    pipelines: pipelineMarks(pipelines),
  })
  const recovered = await world.objects.recover()
  if (recovered > 0) log.info('objects that nobody had been told of are announced', { objects: recovered })
  return { world, urls, batch, sink, queues: viewOf(delivery) }
}

interface PumpParts {
  config: Config
  clock: Clock
  log: Log
  delivery: Delivery
  world: LocalWorld
}

function startPump({ clock, log, delivery, world }: PumpParts): { stop(): Promise<void> } {
  const { wiring, queues, schedules } = delivery
  const heartbeat: Heartbeat = startHeartbeat(clock, beatMs, log)
  heartbeat.onBeat(() => schedules.fire())
  const mortal = mortalFrom(environment().MILLRACE_LOCAL_DEATHS)
  const lambda: LambdaRuntime = startLambda({
    wiring,
    queues,
    world,
    clock,
    log,
    heartbeat,
    loadHandler,
    mortal,
  })
  return {
    stop: async () => {
      // The heart beats on till the last function has ended: it is what ends one that takes too long.
      await lambda.stop()
      heartbeat.stop()
    },
  }
}

/** The very handlers that are deployed. */
async function loadHandler(functionName: string): Promise<Handler> {
  const module = (await import(new URL(`../functions/${functionName}.ts`, import.meta.url).href)) as {
    handler: Handler
  }
  return module.handler
}

function viewOf({ wiring, queues }: Delivery): QueueView {
  const names = [
    ...wiring.queues.map(queue => queue.name),
    ...wiring.functions.map(lambda => `lambda:${lambda.name}`),
  ]
  const deadLetterQueues = new Set([
    ...wiring.queues.flatMap(queue => queue.redrive?.deadLetterQueue ?? []),
    ...wiring.functions.flatMap(lambda => lambda.failureQueue ?? []),
  ])
  return {
    depths: () => Object.fromEntries(names.map(name => [name, queues.depth(name)])),
    deadLetters: () =>
      Object.fromEntries([...deadLetterQueues].map(name => [name, queues.peek(name, deadLettersShownMax)])),
    on: (happening, listener) => queues.on(happening, listener),
  }
}
