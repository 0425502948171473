/** What every handler shares: the world, logs with the run on every line, metrics, traces, partial failure. */
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch'
import { Logger } from '@aws-lambda-powertools/logger'
import middy, { type MiddlewareObj } from '@middy/core'
import type { Context, SQSEvent, SQSRecord } from 'aws-lambda'
import { systemClock } from '../../shared/clock.ts'
import { environment, isLambda } from '../../shared/config.ts'
import { withFields } from '../../shared/log.ts'
import type { Log } from '../../shared/ports.ts'
import type { FunctionName } from '../../shared/vocabulary.ts'
import { type Marks, type Surroundings, type World, worldKey } from '../../shared/world.ts'
import { createMeter } from './meter.ts'
import type { Reach } from './reach.ts'
import { createTracer } from './tracer.ts'
import { type Wired, wiring } from './wire.ts'

/** What a doorway does with one event: in a world that has what the doorway reaches. */
export type Step<Opens extends Reach> = (world: Given<Opens>, event: unknown) => Promise<void>

type Given<Opens extends Reach> = Wired<Opens> & Surroundings

/** The local stack puts its world into the context; AWS's context has none. */
type AnyContext = Context & { [worldKey]?: World }

export type QueueHandler = (
  event: SQSEvent,
  context: AnyContext,
) => Promise<{ batchItemFailures: { itemIdentifier: string }[] }>
export type EventHandler = (event: unknown, context: AnyContext) => Promise<void>

const logger = new Logger()
const meter = createMeter()
const tracer = createTracer({ env: environment(), clock: systemClock })

/** Fed by SQS: each message on its own; the ones that fail come again, and end in the dead-letter queue. */
export function queueDoor<Opens extends Reach>(
  name: FunctionName,
  step: Step<NoInfer<Opens>>,
  reach: Opens,
): QueueHandler {
  const enter = entrance(name, step, reach)
  const open = async (event: SQSEvent, context: AnyContext) => {
    const take = await enter(context)
    const processor = new BatchProcessor(EventType.SQS)
    const one = ({ body }: SQSRecord): Promise<void> => take(JSON.parse(body))
    return processPartialResponse(event, one, processor, { context, throwOnFullBatchFailure: false })
  }
  return middy<SQSEvent, Awaited<ReturnType<QueueHandler>>, Error, AnyContext>()
    .use(measured)
    .handler(open) as QueueHandler
}

/** Fed by EventBridge directly: a throw is retried twice by Lambda, then goes to the dead-letter queue. */
export function eventDoor<Opens extends Reach>(
  name: FunctionName,
  step: Step<NoInfer<Opens>>,
  reach: Opens,
): EventHandler {
  const enter = entrance(name, step, reach)
  const open = async (event: unknown, context: AnyContext): Promise<void> => (await enter(context))(event)
  return middy<unknown, void, Error, AnyContext>().use(measured).handler(open) as EventHandler
}

type Take = (event: unknown) => Promise<void>

function entrance<Opens extends Reach>(
  name: FunctionName,
  step: Step<Opens>,
  reach: Opens,
): (context: AnyContext) => Promise<Take> {
  const wired = wiring(reach)
  // Before the first event, while Lambda gives a whole CPU; what is wrong is said with that event.
  if (isLambda(environment())) void wired().catch(() => {})
  return async context => {
    const local = context[worldKey]
    if (local) {
      // It has every port.
      const world = { ...local, log: withFields(local.log, { function: name }) } as World & Given<Opens>
      return event => take(world, name, step, event)
    }
    logger.addContext(context)
    const world = await wired()
    const measure = meter.of(world.config.stage)
    return event =>
      tracer.trace(name, mark => take({ ...world, log: powertoolsLog, measure, mark }, name, step, event))
  }
}

async function take<Given extends Surroundings>(
  world: Given,
  name: FunctionName,
  step: (world: Given, event: unknown) => Promise<void>,
  event: unknown,
): Promise<void> {
  const fields = runFields(event)
  const { pipeline, ...logged } = fields
  world.mark?.(fields)
  try {
    await step({ ...world, log: withFields(world.log, logged) }, event)
  } catch (error) {
    world.measure?.({ metric: 'StepFailures', value: 1, labels: { function: name } })
    world.log.error(`${name} failed`, { error, ...logged })
    throw error
  }
}

/** Of whatever became of the event: what was measured is written with its invocation. */
const measured: MiddlewareObj<unknown, unknown, Error, AnyContext> = {
  after: () => meter.flush(),
  onError: () => meter.flush(),
}

const powertoolsLog: Log = {
  info: (message, fields = {}) => logger.info(message, fields),
  warn: (message, fields = {}) => logger.warn(message, fields),
  error: (message, fields = {}) => logger.error(message, fields),
}

function runFields(event: unknown): Marks {
  const detail = (event as { detail?: Marks } | null)?.detail
  if (detail?.runId === undefined) return {}
  const { runId, pipeline, round } = detail
  return { runId, ...(pipeline === undefined ? {} : { pipeline }), ...(round === undefined ? {} : { round }) }
}
