/** What every handler shares: the world, logs with the run on every line, metrics, traces, partial failure. */
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch'
import { Logger } from '@aws-lambda-powertools/logger'
import { Tracer } from '@aws-lambda-powertools/tracer'
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware'
import middy, { type MiddlewareObj } from '@middy/core'
import type { Context, SQSEvent, SQSRecord } from 'aws-lambda'
import { withFields } from '../../shared/log.ts'
import type { Log } from '../../shared/ports.ts'
import type { FunctionName } from '../../shared/vocabulary.ts'
import { type World, worldKey } from '../../shared/world.ts'
import { createMeter } from './meter.ts'

/** What a doorway does with one event. */
export type Step = (world: World, event: unknown) => Promise<void>

/** The local stack puts its world into the context; AWS's context has none. */
type AnyContext = Context & { [worldKey]?: World }

export type QueueHandler = (
  event: SQSEvent,
  context: AnyContext,
) => Promise<{ batchItemFailures: { itemIdentifier: string }[] }>
export type EventHandler = (event: unknown, context: AnyContext) => Promise<void>

const logger = new Logger()
const meter = createMeter()
const tracer = new Tracer()

/** Fed by SQS: each message on its own; the ones that fail come again, and end in the dead-letter queue. */
export function queueDoor(name: FunctionName, step: Step): QueueHandler {
  const open = async (event: SQSEvent, context: AnyContext) => {
    const world = await worldFor(context, name)
    const processor = new BatchProcessor(EventType.SQS)
    const one = ({ body }: SQSRecord): Promise<void> => take(world, name, step, JSON.parse(body))
    return processPartialResponse(event, one, processor, { context, throwOnFullBatchFailure: false })
  }
  return middy<SQSEvent, Awaited<ReturnType<QueueHandler>>, Error, AnyContext>()
    .use(observed())
    .handler(open) as QueueHandler
}

/** Fed by EventBridge directly: a throw is retried twice by Lambda, then goes to the dead-letter queue. */
export function eventDoor(name: FunctionName, step: Step): EventHandler {
  const open = async (event: unknown, context: AnyContext): Promise<void> => {
    await take(await worldFor(context, name), name, step, event)
  }
  return middy<unknown, void, Error, AnyContext>().use(observed()).handler(open) as EventHandler
}

async function take(world: World, name: FunctionName, step: Step, event: unknown): Promise<void> {
  try {
    await step({ ...world, log: withRun(world.log, event) }, event)
  } catch (error) {
    world.measure?.({ metric: 'StepFailures', value: 1, labels: { function: name } })
    world.log.error(`${name} failed`, { error, ...runFields(event) })
    throw error
  }
}

/** Traces only where there is an AWS to send them to; the local stack's world measures nothing. */
function observed(): MiddlewareObj<unknown, unknown, Error, AnyContext> {
  const traced = captureLambdaHandler(tracer) as MiddlewareObj<unknown, unknown, Error, AnyContext>
  return {
    before: async request => {
      if (!request.context[worldKey]) await traced.before?.(request)
    },
    after: async request => {
      if (!request.context[worldKey]) await traced.after?.(request)
      meter.flush()
    },
    onError: async request => {
      if (!request.context[worldKey]) await traced.onError?.(request)
      meter.flush()
    },
  }
}

async function worldFor(context: AnyContext, name: FunctionName): Promise<World> {
  const local = context[worldKey]
  if (local) return { ...local, log: withFields(local.log, { function: name }) }
  logger.addContext(context)
  // Not before it is needed: the local stack has a world of its own and no use for the SDK.
  const { wireWorld } = await import('./wire.ts')
  const world = await wireWorld(withFields(powertoolsLog, {}))
  return { ...world, measure: meter.of(world.config.stage) }
}

const powertoolsLog: Log = {
  info: (message, fields = {}) => logger.info(message, fields),
  warn: (message, fields = {}) => logger.warn(message, fields),
  error: (message, fields = {}) => logger.error(message, fields),
}

function withRun(log: Log, event: unknown): Log {
  return withFields(log, runFields(event))
}

function runFields(event: unknown): Record<string, unknown> {
  const detail = (event as { detail?: { runId?: unknown; round?: unknown } } | null)?.detail
  return detail?.runId === undefined ? {} : { runId: detail.runId, round: detail.round }
}
