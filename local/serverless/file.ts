/** What serverless.yml says about functions, queues, rules and schedules, with local names in it. */
import type { z } from 'zod'
import type { Config } from '../../shared/config.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Pipeline } from '../../shared/pipeline.ts'
import type { Node } from '../events/event-operators.ts'
import { everyMs } from '../events/schedules.ts'
import { busName, noValue, resolve, type Template } from './intrinsics.ts'
import { jobDefinitionsOf, jobQueuesOf } from './jobs.ts'
import { deadLetterArn, eventSchema, functionSchema, queueSchema, ruleSchema } from './schema.ts'
import { nodeOf, templateOf } from './template.ts'
import { readServerless } from './variables.ts'
import type { RuleWiring, ScheduleWiring, Wiring } from './wiring.ts'
import { eventQueue, type FunctionWiring, type QueueWiring } from './wiring.ts'

/** Lambda's own default for asynchronous events. */
const retriesDefault = 2

/**
 * @param pipelines whose own buckets are listened to: what the deployed template generates of them
 * Errors: CONFIG_INVALID naming the place in the file.
 */
export function readWiring(file: string, config: Config, pipelines: readonly Pipeline[] = []): Wiring {
  const root = readServerless(file, config.stage)
  const template = templateOf(root, config, pipelines)
  const wiring: Wiring = {
    functions: [],
    queues: queuesOf(template),
    rules: rulesOf(template),
    schedules: [],
    jobQueues: jobQueuesOf(template),
    jobDefinitions: jobDefinitionsOf(template),
  }
  const { timeout = 6, memorySize = 1024 } = nodeOf(root.provider, 'provider')
  const defaults = { timeout, memorySize }
  for (const [name, declared] of Object.entries(nodeOf(root.functions, 'functions'))) {
    wireFunction(name, { ...defaults, ...nodeOf(declared, `functions.${name}`) }, template, wiring)
  }
  return checked(wiring)
}

function ofType(template: Template, type: string): [string, Node][] {
  return Object.entries(template.resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([id, resource]) => [id, resource.Properties])
}

/** Only the named properties: what the local stack has no use for need not have a local value. */
function read<Schema extends z.ZodObject>(
  schema: Schema,
  node: Node,
  template: Template,
  where: string,
): z.output<Schema> {
  const wanted = Object.keys(schema.shape).filter(name => node[name] !== undefined)
  const values = wanted.map(name => [name, resolve(node[name], template, `${where}.${name}`)])
  return parsed(schema, Object.fromEntries(values.filter(([, value]) => value !== noValue)), where)
}

function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const faults = result.error.issues.map(issue => `  ${[where, ...issue.path].join('.')}: ${issue.message}`)
  throw new MillraceError(
    'CONFIG_INVALID',
    `serverless.yml asks for what the local stack cannot do:\n${faults.join('\n')}`,
  )
}

function queuesOf(template: Template): QueueWiring[] {
  return ofType(template, 'AWS::SQS::Queue').map(([name, properties]) => {
    const queue = read(queueSchema, properties, template, name)
    const redrive = queue.RedrivePolicy
    return {
      name,
      visibilityMs: queue.VisibilityTimeout * 1000,
      delayMs: queue.DelaySeconds * 1000,
      ...(redrive && {
        redrive: {
          receivesMax: redrive.maxReceiveCount,
          deadLetterQueue: queueName(redrive.deadLetterTargetArn),
        },
      }),
    }
  })
}

function rulesOf(template: Template): RuleWiring[] {
  return ofType(template, 'AWS::Events::Rule').flatMap(([name, properties]) => {
    const rule = read(ruleSchema, properties, template, name)
    if (rule.State === 'DISABLED') return []
    const targets = rule.Targets.map(target => queueName(target.Arn))
    return [{ name, bus: busName(rule.EventBusName), pattern: rule.EventPattern, targets }]
  })
}

function wireFunction(name: string, declared: Node, template: Template, wiring: Wiring): void {
  const where = `functions.${name}`
  const lambda = read(functionSchema, declared, template, where)
  const wired: FunctionWiring = {
    name,
    timeoutMs: lambda.timeout * 1000,
    memoryMiB: lambda.memorySize,
    queues: [],
    retriesMax: lambda.maximumRetryAttempts ?? retriesDefault,
  }
  const failure =
    lambda.destinations?.onFailure ?? lambda.events.map(deadLetterArn).find(arn => arn !== undefined)
  if (failure !== undefined)
    wired.failureQueue = queueName(typeof failure === 'string' ? failure : failure.arn)
  wiring.functions.push(wired)
  for (const [index, event] of lambda.events.entries()) {
    wireEvent(event, wired, wiring, `${where}.events[${index}]`)
  }
}

function wireEvent(declared: unknown, lambda: FunctionWiring, wiring: Wiring, where: string): void {
  const event = parsed(eventSchema, declared, where)
  const id = where.replace(/[^\w]+/g, '-').replace(/-$/, '')
  if ('sqs' in event && event.sqs.enabled) {
    lambda.queues.push({
      queue: queueName(event.sqs.arn),
      batchSize: event.sqs.batchSize,
      windowMs: event.sqs.maximumBatchingWindow * 1000,
      reportsFailures: event.sqs.functionResponseType === 'ReportBatchItemFailures',
    })
  } else if ('eventBridge' in event && event.eventBridge.enabled) {
    const { eventBus, pattern } = event.eventBridge
    wiring.rules.push({ name: id, bus: busName(eventBus), pattern, targets: [eventQueue(lambda.name)] })
  } else if ('schedule' in event && event.schedule.enabled) {
    wiring.schedules.push(...schedulesOf(id, lambda.name, event.schedule, where))
  }
}

function schedulesOf(
  id: string,
  functionName: string,
  { rate, input }: { rate: string[]; input?: unknown },
  where: string,
): ScheduleWiring[] {
  return rate.map((expression, index) => ({
    name: `${id}-${index}`,
    functionName,
    everyMs: everyMs(expression, `${where}.schedule.rate[${index}]`),
    ...(input === undefined ? {} : { input }),
  }))
}

function queueName(arn: string): string {
  return arn.slice(arn.lastIndexOf(':') + 1)
}

/** Every queue that is named is declared: an event must not vanish in a misspelling. */
function checked(wiring: Wiring): Wiring {
  const known = new Set([
    ...wiring.queues.map(queue => queue.name),
    ...wiring.functions.map(lambda => eventQueue(lambda.name)),
  ])
  const named = [
    ...wiring.rules.flatMap(rule => rule.targets),
    ...wiring.functions.flatMap(lambda => lambda.queues.map(source => source.queue)),
    ...wiring.functions.flatMap(lambda => lambda.failureQueue ?? []),
    ...wiring.queues.flatMap(queue => queue.redrive?.deadLetterQueue ?? []),
  ]
  const unknown = named.filter(name => !known.has(name))
  if (unknown.length === 0) return wiring
  throw new MillraceError(
    'CONFIG_INVALID',
    `serverless.yml sends to what is no queue of it: ${[...new Set(unknown)].join(', ')}`,
    { remedy: 'The local stack delivers to SQS queues and functions only.' },
  )
}
