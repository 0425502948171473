/** The dead letters of a deployed stack, on SQS. For the command line: no function links this client. */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  ListDeadLetterSourceQueuesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import {
  type DeadLetter,
  type DeadLetterQueue,
  type DeadLetters,
  type Redriven,
  type WayBack,
  wayBack,
} from '../dead-letters.ts'
import { MillraceError } from '../errors.ts'
import type { Bus } from '../ports.ts'
import { awsFault } from './faults.ts'

/** SQS's own limit for one call. */
const perCallMax = 10
/** A long poll asks all of SQS's servers; a short one may miss what is there. */
const waitSeconds = 1
/** Longer than a look or a redrive of as many as are taken at once; whoever dies gives them back after it. */
const visibilitySeconds = 60

export interface SqsDeadLettersOptions {
  client: SQSClient
  bus: Bus
  /** Of each dead-letter queue. */
  urls: Record<DeadLetterQueue, string>
}

/**
 * SQS has no look without a receive: `list` gives the messages back at once, but the receive is counted. Each is put
 * back by a send and a delete, not by a message move task: that cannot be told how many, says nothing of the
 * messages, and does not take what EventBridge or Lambda have put there.
 * Errors: those of `awsFault`.
 */
export function createSqsDeadLetters(options: SqsDeadLettersOptions): DeadLetters {
  return {
    list: (queue, max) => list(options, queue, max),
    redrive: (queue, max) => redrive(options, queue, max),
  }
}

async function list(options: SqsDeadLettersOptions, queue: DeadLetterQueue, max: number) {
  const found: { letter: DeadLetter; receipt: string }[] = []
  try {
    while (found.length < max) {
      const some = await receive(options, queue, max - found.length)
      if (some.length === 0) break
      found.push(...some)
    }
  } finally {
    await giveBack(options, queue, found)
  }
  // After a minute of looking, SQS gives out the first ones again.
  return [...new Map(found.map(({ letter }) => [letter.messageId, letter])).values()]
}

async function redrive(
  options: SqsDeadLettersOptions,
  queue: DeadLetterQueue,
  max: number,
): Promise<Redriven[]> {
  const source = queue === 'FunctionsDlq' ? '' : await sourceOf(options, queue)
  const redriven: Redriven[] = []
  const left: Received[] = []
  try {
    while (redriven.length < max) {
      const some = await receive(options, queue, max - redriven.length)
      if (some.length === 0) break
      for (const one of some) {
        const { to } = await putBack(options, one, source)
        redriven.push({ letter: one.letter, to })
        if (to === 'unknown') left.push(one)
      }
    }
  } finally {
    await giveBack(options, queue, left)
  }
  return redriven
}

interface Received {
  letter: DeadLetter
  receipt: string
}

/** The delete comes last: a crash before it puts the message back twice, which every function takes. */
async function putBack(
  { client, bus, urls }: SqsDeadLettersOptions,
  { letter, receipt }: Received,
  source: string,
): Promise<WayBack> {
  const way = wayBack(letter)
  if (way.to === 'unknown') return way
  if (way.to === 'bus') await bus.publish(way.event)
  if (way.to === 'queue') {
    await said(
      'SendMessage',
      client.send(new SendMessageCommand({ QueueUrl: source, MessageBody: letter.body })),
    )
  }
  const done = new DeleteMessageCommand({ QueueUrl: urls[letter.queue], ReceiptHandle: receipt })
  await said('DeleteMessage', client.send(done))
  return way
}

async function receive(
  { client, urls }: SqsDeadLettersOptions,
  queue: DeadLetterQueue,
  max: number,
): Promise<Received[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl: urls[queue],
    MaxNumberOfMessages: Math.min(max, perCallMax),
    VisibilityTimeout: visibilitySeconds,
    WaitTimeSeconds: waitSeconds,
    MessageSystemAttributeNames: ['SentTimestamp', 'ApproximateReceiveCount'],
    MessageAttributeNames: ['All'],
  })
  const { Messages = [] } = await said('ReceiveMessage', client.send(command))
  return Messages.map(message => ({ letter: letterOf(queue, message), receipt: message.ReceiptHandle ?? '' }))
}

function letterOf(queue: DeadLetterQueue, message: Message): DeadLetter {
  const { MessageId = '', Body = '', Attributes = {}, MessageAttributes = {} } = message
  const attributes = Object.entries(MessageAttributes).map(([name, { StringValue = '' }]) => [
    name,
    StringValue,
  ])
  return {
    queue,
    messageId: MessageId,
    body: Body,
    sentAt: Number(Attributes.SentTimestamp ?? 0),
    receives: Number(Attributes.ApproximateReceiveCount ?? 0),
    ...(attributes.length === 0
      ? {}
      : { attributes: Object.fromEntries(attributes) as Record<string, string> }),
  }
}

async function giveBack(
  { client, urls }: SqsDeadLettersOptions,
  queue: DeadLetterQueue,
  received: readonly Received[],
): Promise<void> {
  for (let at = 0; at < received.length; at += perCallMax) {
    const Entries = received
      .slice(at, at + perCallMax)
      .map(({ receipt }, index) => ({ Id: String(index), ReceiptHandle: receipt, VisibilityTimeout: 0 }))
    const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: urls[queue], Entries })
    await said('ChangeMessageVisibilityBatch', client.send(command))
  }
}

/** The queue that gives up into this one: nobody need tell us its URL. */
async function sourceOf({ client, urls }: SqsDeadLettersOptions, queue: DeadLetterQueue): Promise<string> {
  const command = new ListDeadLetterSourceQueuesCommand({ QueueUrl: urls[queue] })
  const { queueUrls } = await said('ListDeadLetterSourceQueues', client.send(command))
  const [only, ...more] = queueUrls ?? []
  if (only !== undefined && more.length === 0) return only
  throw new MillraceError(
    'NOT_FOUND',
    `${more.length === 0 ? 'No queue has' : 'Several queues have'} ${queue} as its dead letters`,
    {
      remedy: 'Deploy the stack again: infra/events.yml gives each of them one.',
    },
  )
}

async function said<Answer>(doing: string, answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (error) {
    throw awsFault(doing, error)
  }
}
