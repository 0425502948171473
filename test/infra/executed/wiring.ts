/** What is wired to what, read from the packaged CloudFormation, with the local stack's names in it. */
import { isNode } from '../../../local/events/event-operators.ts'
import { everyMs } from '../../../local/events/schedules.ts'
import { busName, resolve } from '../../../local/serverless/intrinsics.ts'
import { jobDefinitionsOf, jobQueuesOf } from '../../../local/serverless/jobs.ts'
import {
  eventQueue,
  type FunctionWiring,
  type QueueWiring,
  type RuleWiring,
  type ScheduleWiring,
  type Wiring,
} from '../../../local/serverless/wiring.ts'
import type { Config } from '../../../shared/config.ts'
import { functionNames } from '../../../shared/vocabulary.ts'
import { at, idOf, type Node, ofType, resource, type Template } from '../packaged.ts'
import { functionId } from '../policy/callers.ts'

/** Lambda's own default for asynchronous events. */
const retriesDefault = 2

type Resolve = (value: unknown) => unknown

/** Errors: a reference to what is not there, or to something of another kind than it must be. */
export function packagedWiring(template: Template, config: Config): Wiring {
  const { Resources: resources, Conditions: conditions } = template
  const filled = { resources, conditions, config }
  const local: Resolve = value => resolve(value, filled, 'packaged')
  return {
    functions: functionNames.map(name => functionOf(name, template)),
    queues: ofType(template, 'AWS::SQS::Queue').map(([id]) => queueOf(id, template)),
    rules: ofType(template, 'AWS::Events::Rule').map(([id, { Properties }]) =>
      ruleOf(id, Properties, template, local),
    ),
    schedules: schedulesOf(template),
    jobQueues: jobQueuesOf(filled),
    jobDefinitions: jobDefinitionsOf(filled),
  }
}

function functionOf(name: string, template: Template): FunctionWiring {
  const id = functionId(name)
  const { Timeout, MemorySize } = resource(template, id, 'AWS::Lambda::Function')
  const mappings = ofType(template, 'AWS::Lambda::EventSourceMapping').map(([, one]) => one.Properties)
  const configs = ofType(template, 'AWS::Lambda::EventInvokeConfig').map(([, one]) => one.Properties)
  const own = configs.find(({ FunctionName }) => idOf(FunctionName) === id)
  const failure = at(own, 'DestinationConfig.OnFailure.Destination')
  return {
    name,
    timeoutMs: Number(Timeout) * 1000,
    memoryMiB: Number(MemorySize),
    queues: mappings
      .filter(({ FunctionName }) => idOf(FunctionName) === id)
      .map(({ EventSourceArn, BatchSize, MaximumBatchingWindowInSeconds, FunctionResponseTypes }) => ({
        queue: queueId(EventSourceArn, template),
        batchSize: Number(BatchSize),
        windowMs: Number(MaximumBatchingWindowInSeconds) * 1000,
        reportsFailures: [FunctionResponseTypes].flat().includes('ReportBatchItemFailures'),
      })),
    retriesMax: Number(own?.MaximumRetryAttempts ?? retriesDefault),
    ...(failure === undefined ? {} : { failureQueue: queueId(failure, template) }),
  }
}

function queueOf(name: string, template: Template): QueueWiring {
  const { VisibilityTimeout = 30, DelaySeconds = 0, RedrivePolicy } = queue(name, template)
  const { maxReceiveCount, deadLetterTargetArn } = (RedrivePolicy ?? {}) as Node
  return {
    name,
    visibilityMs: Number(VisibilityTimeout) * 1000,
    delayMs: Number(DelaySeconds) * 1000,
    ...(deadLetterTargetArn === undefined
      ? {}
      : {
          redrive: {
            receivesMax: Number(maxReceiveCount),
            deadLetterQueue: queueId(deadLetterTargetArn, template),
          },
        }),
  }
}

function ruleOf(name: string, properties: Node, template: Template, local: Resolve): RuleWiring {
  const { EventBusName, EventPattern, Targets } = properties
  return {
    name,
    bus: busName(local(EventBusName) as string | undefined),
    pattern: local(EventPattern),
    targets: (Targets as Node[]).flatMap(({ Arn }) => targetOf(Arn, template)),
  }
}

/** There is no SNS on one machine. */
function targetOf(arn: unknown, template: Template): string[] {
  if (isNode(arn) && template.Resources[String(arn.Ref)]?.Type === 'AWS::SNS::Topic') return []
  const name = functionNameOf(arn, template)
  return [name === undefined ? queueId(arn, template) : eventQueue(name)]
}

function schedulesOf(template: Template): ScheduleWiring[] {
  return ofType(template, 'AWS::Scheduler::Schedule').flatMap(([id, { Properties }]) => {
    const functionName = functionNameOf(at(Properties, 'Target.Arn'), template)
    if (functionName === undefined) return []
    const everyRateMs = everyMs(String(Properties.ScheduleExpression), id)
    return [{ name: id, functionName, everyMs: everyRateMs }]
  })
}

/** The Arn, and of a queue: `Ref` would be its URL, and a name alone would be no target. */
function queueId(arn: unknown, template: Template): string {
  const [id, attribute] = at(arn, 'Fn::GetAtt') as [string, string]
  if (attribute !== 'Arn') throw new Error(`${id}.${attribute} is no Arn`)
  queue(id, template)
  return id
}

const queue = (id: string, template: Template): Node => resource(template, id, 'AWS::SQS::Queue')

function functionNameOf(arn: unknown, template: Template): string | undefined {
  const [id, attribute] = (at(arn, 'Fn::GetAtt') ?? []) as string[]
  const name = functionNames.find(one => functionId(one) === id)
  if (name === undefined || template.Resources[String(id)]?.Type !== 'AWS::Lambda::Function') return undefined
  if (attribute !== 'Arn') throw new Error(`${id}.${attribute} is no Arn`)
  return name
}
