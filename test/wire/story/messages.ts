/**
 * What Lambda and Scheduler do with moto's queues, buses and schedules, for moto runs no function and fires no schedule:
 * read from the packaged template, and done with what moto has.
 */
import { EventBridgeClient, PutEventsCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge'
import {
  DeleteScheduleCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
} from '@aws-sdk/client-scheduler'
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import type { Envelope } from '../../../local/events/envelope.ts'
import { epochMs, systemClock } from '../../../shared/clock.ts'
import { functionNames } from '../../../shared/vocabulary.ts'
import { idOf, type Node, ofType, type Template } from '../../infra/packaged.ts'
import { functionId } from '../../infra/policy/callers.ts'
import { account, resolved } from '../../infra/policy/resolve.ts'
import { credentials, region } from '../servers.ts'
import type { Functions } from './functions.ts'
import type { Stack } from './stack.ts'

/** A receive waits so long for a message; a schedule is looked for as often. */
const waitSeconds = 1
/** SQS's own limit. */
const queueNameMax = 80

export interface Messages {
  /** As an AWS service puts it on the default bus. */
  put(event: Envelope): Promise<void>
  /** What a function threw, or did not do of a batch. */
  failures: string[]
  /** Of one-time schedules, what was put on the bus when it was due. */
  fired: string[]
  stop(): Promise<void>
}

interface Parts {
  stack: Stack
  url: string
  functions: Functions
}

interface Source {
  functionName: string
  queueUrl: string
  /** Of an event source mapping; absent: events come one by one, as EventBridge brings them. */
  batchSize?: number
}

export async function openMessages({ stack, url, functions }: Parts): Promise<Messages> {
  const given = { region, credentials, endpoint: url }
  const clients = {
    sqs: new SQSClient(given),
    events: new EventBridgeClient(given),
    scheduler: new SchedulerClient(given),
  }
  const sources = [...mappingsOf(stack), ...(await stoodInFor(stack, clients))]
  const failures: string[] = []
  const fired: string[] = []
  const stopping = new AbortController()
  const forever = async (once: () => Promise<void>): Promise<void> => {
    while (!stopping.signal.aborted) await once().catch(error => void failures.push(String(error)))
  }
  const loops = [
    ...sources.map(source => forever(() => serve(source, clients.sqs, functions, failures))),
    forever(() => fire(clients, fired)),
  ]
  return {
    put: event => put(clients.events, event),
    failures,
    fired,
    stop: async () => {
      stopping.abort()
      await Promise.all(loops)
    },
  }
}

function mappingsOf({ template, physicalIds }: Stack): Source[] {
  return ofType(template, 'AWS::Lambda::EventSourceMapping').map(([, { Properties }]) => {
    const { FunctionName, EventSourceArn, BatchSize } = Properties
    const queueUrl = physicalIds.get(idOf(EventSourceArn)) ?? ''
    return { functionName: nameOf(idOf(FunctionName)), queueUrl, batchSize: Number(BatchSize) }
  })
}

const nameOf = (id: string): string => functionNames.find(name => functionId(name) === id) ?? id

interface Clients {
  sqs: SQSClient
  events: EventBridgeClient
  scheduler: SchedulerClient
}

/** moto 5.2.5 sends a rule's events to queues only: another target of the template is a queue of ours there. */
async function stoodInFor({ template, physicalIds }: Stack, { sqs, events }: Clients): Promise<Source[]> {
  const found: Source[] = []
  for (const [id, { Properties }] of ofType(template, 'AWS::Events::Rule')) {
    const EventBusName = String(resolved(Properties.EventBusName, template) ?? 'default')
    for (const { Id, Arn } of Properties.Targets as Node[]) {
      const { Type } = template.Resources[idOf(Arn)] ?? {}
      if (Type === 'AWS::SQS::Queue') continue
      const name = `instead-of-${idOf(Arn)}-${id}`.slice(0, queueNameMax)
      const { QueueUrl: queueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name }))
      const asked = { QueueUrl: queueUrl, AttributeNames: ['QueueArn' as const] }
      const { Attributes } = await sqs.send(new GetQueueAttributesCommand(asked))
      const Targets = [{ Id: String(Id), Arn: Attributes?.QueueArn }]
      await events.send(new PutTargetsCommand({ Rule: physicalIds.get(id), EventBusName, Targets }))
      // People's own: alarms by mail.
      if (Type === 'AWS::Lambda::Function') found.push({ functionName: nameOf(idOf(Arn)), queueUrl })
    }
  }
  return found
}

async function serve(
  { functionName, queueUrl, batchSize }: Source,
  sqs: SQSClient,
  functions: Functions,
  failures: string[],
): Promise<void> {
  const asked = { QueueUrl: queueUrl, MaxNumberOfMessages: batchSize ?? 1, WaitTimeSeconds: waitSeconds }
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({ ...asked, MessageSystemAttributeNames: ['All'] }),
  )
  if (Messages.length === 0) return
  const event =
    batchSize === undefined ? JSON.parse(Messages[0]?.Body ?? '') : { Records: Messages.map(recordOf) }
  const answer = await functions.invoke(functionName, event)
  // ReportBatchItemFailures: what is named comes again once it is visible.
  const failed = ((answer as Node | undefined)?.batchItemFailures ?? []) as { itemIdentifier: string }[]
  for (const { itemIdentifier } of failed) failures.push(`${functionName} did not do ${itemIdentifier}`)
  const done = Messages.filter(({ MessageId }) => !failed.some(one => one.itemIdentifier === MessageId))
  for (const { ReceiptHandle } of done) {
    await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }))
  }
}

function recordOf({ MessageId, ReceiptHandle, Body, Attributes, MD5OfBody }: Message): object {
  return {
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
    attributes: Attributes,
    messageAttributes: {},
    md5OfBody: MD5OfBody,
    eventSource: 'aws:sqs',
    awsRegion: region,
  }
}

/** Puts on the bus what is due, in the name of each schedule, and removes it as it asked for. */
async function fire({ scheduler, events }: Clients, fired: string[]): Promise<void> {
  const { Schedules = [] } = await scheduler.send(new ListSchedulesCommand({}))
  for (const { Name } of Schedules) {
    const { ScheduleExpression = '', Target } = await scheduler.send(new GetScheduleCommand({ Name }))
    const [, time] = /^at\((.*)\)$/.exec(ScheduleExpression) ?? []
    if (time === undefined || epochMs(`${time}Z`) > systemClock.now()) continue
    const { Source, DetailType } = Target?.EventBridgeParameters ?? {}
    const entry = { EventBusName: Target?.Arn, Source, DetailType, Detail: Target?.Input }
    await events.send(new PutEventsCommand({ Entries: [entry] }))
    await scheduler.send(new DeleteScheduleCommand({ Name }))
    fired.push(String(DetailType))
  }
  await systemClock.sleep(waitSeconds * 250)
}

/** Our own Batch knows no account; moto writes the envelope itself. */
async function put(events: EventBridgeClient, event: Envelope): Promise<void> {
  const text = (value: unknown): string => JSON.stringify(value).replaceAll(event.account, account)
  const entry = {
    Source: event.source,
    DetailType: event['detail-type'],
    Detail: text(event.detail),
    Resources: JSON.parse(text(event.resources)) as string[],
  }
  const { FailedEntryCount } = await events.send(new PutEventsCommand({ Entries: [entry] }))
  if (FailedEntryCount) throw new Error(`${event['detail-type']} was not taken`)
}

export function scheduledFunctions(template: Template): string[] {
  return ofType(template, 'AWS::Scheduler::Schedule').flatMap(([, { Properties }]) => {
    const { Arn } = Properties.Target as Node
    const id = idOf(Arn)
    return template.Resources[id]?.Type === 'AWS::Lambda::Function' ? [nameOf(id)] : []
  })
}
